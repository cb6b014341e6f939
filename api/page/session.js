// Who uses the page: nobody known, or the holder of a key that the browser keeps in an HttpOnly cookie.

import { ask } from "./ask.js";

export const session = { name: null, role: null, known: false };
const MAY = { viewer: 0, operator: 1, admin: 2 };

export const mayOperate = () => (MAY[session.role] ?? 0) >= MAY.operator;

export async function lookAtSession() {
  Object.assign(session, await ask("v1/session"), { known: true });
}

export async function signIn(key) {
  Object.assign(session, await ask("v1/session", { method: "POST", body: { key } }), { known: true });
}

export async function signOut() {
  await ask("v1/session", { method: "DELETE" });
  await lookAtSession();
}
