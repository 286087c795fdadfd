// Opens one signal: every step with its numbers, every order with its fills, every event.

import { age, el, link } from "/static/rows.js";
import { outcome, stateTag, sub, whaleTag } from "/static/tables.js";
import {
  clock,
  marketName,
  milliseconds,
  percent,
  price,
  shares,
  signedPercent,
  usd,
  words,
} from "/static/words.js";

const dialog = document.getElementById("detail");

export async function openDetail(signalId) {
  const body = document.getElementById("detail-body");
  document.getElementById("detail-title").textContent = "Signal";
  body.replaceChildren(el("p", "quiet", "Reading…"));
  if (!dialog.open) dialog.showModal();
  try {
    const answer = await fetch(`/api/signals/${encodeURIComponent(signalId)}`);
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.message);
    fill(body, told.signal);
  } catch (error) {
    body.replaceChildren(el("p", "warn-text", `Not read: ${error.message}`));
  }
}

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

function fill(body, detail) {
  const t = detail.trade;
  document.getElementById("detail-title").textContent = marketName(t.token);
  body.replaceChildren(
    el(
      "p",
      "",
      el("span", `side ${t.side.toLowerCase()}`, t.side),
      ` ${shares(t.size)} `,
      outcome(t.token),
      ` @ ${price(t.price)}, ${usd(t.notional)}, after `,
      whaleTag(t.whale),
    ),
    el(
      "p",
      "",
      stateTag(t.state),
      t.reason ? ` ${words(t.reason)}` : "",
      t.workflow_url ? " " : "",
      t.workflow_url ? link(t.workflow_url, "workflow") : null,
    ),
    times(t),
    ...(t.reason && !isTold(t, detail.steps) ? [el("h3", "", "Why not"), numbers(t.numbers)] : []),
    ...detail.steps.flatMap((step) => [
      el("h3", "", words(step.step), el("span", "quiet", ` at ${clock(step.decided_at)}`)),
      numbers(step.numbers),
    ]),
    ...detail.orders.flatMap(orderPart),
    ...(detail.events.length
      ? [
          el("h3", "", "Events"),
          el(
            "ul",
            "lines",
            ...detail.events.map((e) =>
              el("li", "", e.title, sub(words(e.type), ", ", age(e.at, "", " ago"))),
            ),
          ),
        ]
      : []),
    el("p", "quiet small break", `signal ${t.signal_id}, transaction ${t.transaction_hash}`),
  );
}

// A refusal often carries the very numbers of the step that made it.
function isTold(t, steps) {
  const text = JSON.stringify(t.numbers);
  return steps.some((step) => JSON.stringify(step.numbers) === text);
}

function times(t) {
  const since = (iso) =>
    iso ? `${clock(iso)} (+${milliseconds(Date.parse(iso) - Date.parse(t.traded_at))})` : "–";
  return pairs([
    ["whale traded", clock(t.traded_at)],
    ["detected", since(t.detected_at)],
    ["committed", since(t.committed_at)],
    ["first sent", t.latency_ms == null ? "never" : `${milliseconds(t.latency_ms)} after the commit`],
    ["finished", since(t.finished_at)],
  ]);
}

function orderPart(o) {
  const order = o.order;
  const parts = [
    el(
      "h3",
      "",
      `Order ${order.attempt}, ${order.order_type}`,
      el("span", "quiet", ` at ${clock(order.created_at)}`),
    ),
    pairs([
      ["terms", `${order.side} ${shares(order.size)} @ ${price(order.price)}`],
      ["state", words(order.state) + (order.is_done ? "" : ", not done")],
      [
        "filled",
        `${shares(order.filled_size)} @ ${price(order.avg_fill_price)} (${percent(share(order))})`,
      ],
      ["slippage", `${signedPercent(o.slippage)} against the mid-price ${price(order.reference_price)}`],
      ["sent", order.posts === 1 ? "once" : `${order.posts} times`],
      ...(order.error ? [["venue", order.error]] : []),
      ...order.faults.map((fault) => ["fault", fault]),
      ["id", order.order_id],
    ]),
  ];
  if (order.fills.length) parts.push(fillTable(order.fills));
  return parts;
}

function share(order) {
  return Number(order.size) ? Number(order.filled_size) / Number(order.size) : 0;
}

function fillTable(fills) {
  const head = ["Fill", "Size", "Cost", "Fee", "Settlement"].map((name, i) =>
    el("th", i > 0 && i < 4 ? "n" : "", name),
  );
  for (const each of head) each.scope = "col";
  const rows = fills.map((f) =>
    el(
      "tr",
      "",
      el("td", "", clock(f.matched_at)),
      el("td", "n", shares(f.size)),
      el("td", "n", usd(f.cost)),
      el("td", "n", usd(f.fee)),
      el("td", "", words(f.settlement)),
    ),
  );
  return el("table", "small", el("thead", "", el("tr", "", ...head)), el("tbody", "", ...rows));
}

function numbers(named) {
  const rows = Object.entries(named);
  return rows.length ? pairs(rows) : el("p", "quiet", "No numbers were stored.");
}

function pairs(rows) {
  return el(
    "dl",
    "pairs",
    ...rows.flatMap(([name, text]) => [el("dt", "", words(name)), el("dd", "break", String(text))]),
  );
}
