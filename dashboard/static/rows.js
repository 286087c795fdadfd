// Builds elements from text, never from markup, and keeps lists in step with their records.

import { ago } from "/static/words.js";

// Makes an element; children are elements or text, and whatever the venue wrote stays text.
export function el(tag, classes = "", ...children) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.append(...children.filter((child) => child != null && child !== ""));
  return made;
}

export function link(address, text) {
  const made = el("a", "", text);
  made.href = address;
  made.rel = "noreferrer";
  made.target = "_blank";
  return made;
}

// A table cell that keeps its column's name for narrow screens, where rows become cards.
export function cell(label, classes, ...children) {
  const made = el("td", classes, ...children);
  made.dataset.label = label;
  made.setAttribute("role", "cell"); // as a card it would lose its meaning for a screen reader
  return made;
}

export function tableRow(...cells) {
  const made = el("tr", "", ...cells);
  made.setAttribute("role", "row");
  return made;
}

// An age that goes on rising by itself; the exact time is its title.
export function age(iso, before = "", after = "") {
  const made = el("time", "", before + ago(iso) + after);
  made.dateTime = iso;
  made.title = iso;
  made.dataset.before = before;
  made.dataset.after = after;
  return made;
}

export function refreshAges() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-before]")) {
    const text = time.dataset.before + ago(time.dateTime, now) + time.dataset.after;
    if (time.textContent !== text) time.textContent = text;
  }
}

// A bar of 0 to 1; beyond 1 it is full.
export function bar(share) {
  const fill = el("span", "fill");
  fill.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
  return el("span", "track", fill);
}

// Brings a parent's children in step with records: only rows whose record changed are made anew,
// so that focus, selection and the screen stay still.
export function keep(parent, records, keyOf, make) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const rows = records.map((record) => {
    const key = String(keyOf(record));
    const text = JSON.stringify(record);
    const known = old.get(key);
    if (known && known.recordText === text) return known;
    const made = make(record);
    made.dataset.key = key;
    made.recordText = text;
    return made;
  });
  if (rows.length === parent.children.length && rows.every((row, i) => row === parent.children[i])) return;
  parent.replaceChildren(...rows);
}

export function show(id, isShown) {
  document.getElementById(id).hidden = !isShown;
}

export function write(id, text, classes) {
  const found = document.getElementById(id);
  if (found.textContent !== text) found.textContent = text;
  if (classes !== undefined) found.className = classes;
}
