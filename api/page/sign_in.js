// The form for a key: asked for where nothing may be read without one, offered where only changes need one.

import { isClosed } from "./ask.js";
import { node, write } from "./dom.js";
import { mayOperate, session, signIn, signOut } from "./session.js";
import { word } from "./words.js";

export function signInForm(onEntered) {
  const heading = node("h2", { id: "sign-in-title" }), why = node("p", { class: "note" }), label = node("span", {}), wrong = node("p", { class: "wrong", role: "alert" });
  const field = node("input", { type: "password", name: "key", autocomplete: "current-password", required: true, spellcheck: "false" });
  const enter = node("button", { type: "submit", class: "main" }), later = node("button", { type: "button", on: { click: () => dialog.close() } });
  const form = node("form", { on: { submit } }, heading, why, node("label", {}, label, field), wrong, node("p", { class: "actions" }, later, enter));
  const dialog = node("dialog", { class: "sign-in", id: "sign-in", "aria-labelledby": "sign-in-title" }, form);
  let needed = false;
  dialog.addEventListener("cancel", (event) => { if (needed) event.preventDefault(); });
  document.body.append(dialog);

  async function submit(event) {
    event.preventDefault();
    enter.disabled = true;
    try {
      await signIn(field.value.trim());
      form.reset();
      dialog.close();
      onEntered();
    } catch (error) {
      write(wrong, isClosed(error) ? word("keyWrong") : `${word("failed")}: ${error.message}`);
      field.select();
    } finally {
      enter.disabled = false;
    }
  }

  function update() {
    write(heading, word(needed ? "needKey" : "signIn"));
    write(why, word("signInWhy"));
    write(label, word("key"));
    write(enter, word("signIn"));
    write(later, word("cancel"));
    later.hidden = needed;
  }

  function show(isNeeded) {
    needed = isNeeded;
    write(wrong, "");
    update();
    if (!dialog.open) dialog.showModal();
  }
  return { show, update };
}

// The button of the header: sign in, or who is signed in and out again.
export function sessionButton(button, form, onLeft) {
  button.addEventListener("click", async () => {
    if (!session.name) { form.show(false); return; }
    try { await signOut(); } finally { onLeft(); }
  });
  return () => {
    button.hidden = !session.known;
    write(button, word(session.name ? "signOut" : "signIn"));
    button.title = session.name ? `${session.name} · ${word(`role${session.role}`)}` : "";
    document.documentElement.classList.toggle("operator", mayOperate());
  };
}
