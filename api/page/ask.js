// One question to the API; what it refuses comes back with the sentence of its problem document.

export class Refusal extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

export const isClosed = (error) => error.status === 401;

export async function ask(path, { method = "GET", body } = {}) {
  const answer = await fetch(path, { method, headers: body ? { "Content-Type": "application/json" } : {}, body: body ? JSON.stringify(body) : undefined });
  const content = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(answer.status, content?.detail ?? `${path}: ${answer.status}`);
  return content;
}
