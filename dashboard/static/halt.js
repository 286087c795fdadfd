// The kill switch: one button, a reason, a second click. Nothing else on the page changes anything.

import { el } from "/static/rows.js";

const LOOK_MS = 2000;
const HEADERS = { "Content-Type": "application/json", "X-Whalecopy": "1" };

const button = el("button", "switch", "Halt entries");
button.type = "button";
button.id = "switch";
button.hidden = true;

const why = el("input");
why.id = "switch-why";
why.required = true;
why.maxLength = 500;
why.placeholder = "Why?";
why.setAttribute("aria-label", "Why");
const closeAll = el("input");
closeAll.type = "checkbox";
closeAll.id = "switch-close-all";
const closing = el("label", "", closeAll, " and ask every position's owner to leave");
const confirm = el("button", "", "");
confirm.type = "button";
confirm.id = "switch-confirm";
const back = el("button", "", "Back");
back.type = "button";
const title = el("h2", "", "");
const told = el("p", "sub", "");
const dialog = el("dialog", "", title, told, why, closing, confirm, back);
dialog.id = "switch-dialog";

let isOurs = false;

function show({ kills }) {
  isOurs = kills.some((kill) => kill.source === "DASHBOARD");
  const others = kills.filter((kill) => kill.source !== "DASHBOARD");
  button.hidden = false;
  button.textContent = isOurs ? "Let entries go" : "Halt entries";
  title.textContent = isOurs ? "Let entries leave again?" : "Let no entry leave any more?";
  confirm.textContent = isOurs ? "Let entries go" : "Halt entries now";
  closing.hidden = isOurs;
  told.textContent = others.length
    ? `Held elsewhere too: ${others.map((kill) => `${kill.source} (${kill.who})`).join(", ")}.`
    : "Exits always go on.";
}

async function look() {
  try {
    const answer = await fetch("/api/kills");
    if (answer.ok) show(await answer.json());
  } catch {
    // the page says by itself that the server does not answer
  }
}

async function turn() {
  if (!why.reportValidity()) return;
  const body = JSON.stringify({ confirm: "halt", why: why.value, close_all: closeAll.checked });
  const path = isOurs ? "/api/resume" : "/api/halt";
  try {
    const answer = await fetch(path, { method: "POST", headers: HEADERS, body });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.message);
    show(said);
    dialog.close();
    why.value = "";
    closeAll.checked = false;
  } catch (error) {
    told.textContent = `Nothing was done: ${error.message}. A file named HALT in the home halts too.`;
  }
}

button.addEventListener("click", () => dialog.showModal());
confirm.addEventListener("click", turn);
back.addEventListener("click", () => dialog.close());
document.querySelector("header .spring").after(button);
document.body.append(dialog);
look();
setInterval(look, LOOK_MS);
