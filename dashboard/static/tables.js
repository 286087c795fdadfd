// Shows positions, trades, orders, feeds, reviews and events as rows.

import { age, bar, cell, el, keep, link, show, tableRow, write } from "/static/rows.js";
import {
  gain,
  marketName,
  milliseconds,
  percent,
  price,
  shares,
  signedPercent,
  signedUsd,
  usd,
  usdShort,
  whaleName,
  words,
} from "/static/words.js";

const COPIED = new Set(["FILLED", "PARTIAL"]);
const RUNNING = new Set(["WAITING", "RUNNING"]);
const BAD = new Set(["FAULT", "VENUE_REJECTED", "FAILED_SETTLEMENT"]);
const GROUPS = {
  copied: ["FILLED", "PARTIAL"],
  refused: ["FILTERED", "RISK_REJECTED"],
  running: ["WAITING", "RUNNING"],
};
const NUMBERS_SHOWN = 3;
const ROWS_FIRST = 20;
const ROWS_MORE = 40;
const BOUND = /_(min|max)$/;
const SOURCES = { CHAIN: "chain", RTDS: "RTDS", DATA_API: "Data API" };

let shown = "all";
let trades = [];
let older = [];
let rows = ROWS_FIRST;

export function showPositions(positions) {
  keep(document.getElementById("positions-rows"), positions, (p) => p.position_id, positionRow);
  show("positions-empty", positions.length === 0);
  write("positions-count", positions.length ? String(positions.length) : "");
}

export function showTrades(latest, openDetail) {
  trades = latest;
  if (shown !== "all") fetchOlder(openDetail);
  drawTrades(openDetail);
}

export function filterTrades(openDetail) {
  const buttons = document.querySelectorAll("button[data-show]");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      shown = button.dataset.show;
      older = [];
      rows = ROWS_FIRST;
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
      showTrades(trades, openDetail);
    });
  }
  document.getElementById("trades-more").addEventListener("click", () => {
    rows += ROWS_MORE;
    drawTrades(openDetail);
  });
}

function drawTrades(openDetail) {
  const known = new Map([...older, ...trades].map((trade) => [trade.signal_id, trade]));
  const wanted = [...known.values()].filter(isShown);
  wanted.sort((a, b) => b.committed_at.localeCompare(a.committed_at));
  keep(
    document.getElementById("trades-rows"),
    wanted.slice(0, rows),
    (t) => t.signal_id,
    (t) => tradeRow(t, openDetail),
  );
  show("trades-empty", wanted.length === 0);
  write("trades-empty", trades.length ? "None." : "No signals yet.");
  show("trades-more", wanted.length > rows);
  write("trades-count", wanted.length ? `latest ${wanted.length}` : "");
}

// The stream brings the latest signals of all kinds; what a filter wants may lie further back.
async function fetchOlder(openDetail) {
  const asked = shown;
  try {
    const answers = await Promise.all(
      GROUPS[asked].map(async (state) => (await fetch(`/api/trades?limit=100&state=${state}`)).json()),
    );
    if (asked !== shown) return;
    older = answers.flatMap((answer) => answer.trades || []);
    drawTrades(openDetail);
  } catch {
    // The link at the top says that the server is gone; the latest signals stay.
  }
}

export function showOrders(orders) {
  keep(document.getElementById("orders"), orders, (o) => o.order_id, orderLine);
  show("orders-empty", orders.length === 0);
  write("orders-count", orders.length ? String(orders.length) : "");
}

export function showFeeds(feeds) {
  keep(document.getElementById("feeds"), feeds, (f) => f.feed, feedLine);
  show("feeds-empty", feeds.length === 0);
}

export function showReviews(reviews) {
  keep(document.getElementById("reviews"), reviews, (r) => r.review_id, reviewLine);
  show("reviews-card", reviews.length > 0);
  write("reviews-count", reviews.length ? String(reviews.length) : "");
}

export function showEvents(events) {
  keep(document.getElementById("events"), events.slice(0, 30), (e) => e.event_id, eventLine);
  show("events-empty", events.length === 0);
}

export function whaleTag(whale) {
  const tag = el("span", "whale", whaleName(whale));
  tag.title = whale.wallet;
  return el("span", "", tag, whale.is_invented ? el("span", "tag invented", "invented") : null);
}

export function stateTag(state) {
  const kind = COPIED.has(state) ? "good" : RUNNING.has(state) ? "running" : BAD.has(state) ? "bad" : "no";
  return el("span", `tag ${kind}`, words(state));
}

function positionRow(p) {
  return tableRow(
    cell(
      "Market",
      "market",
      el("strong", "", marketName(p.token)),
      sub(outcome(p.token), " after ", whaleTag(p.whale)),
    ),
    cell("Size", "n", shares(p.size), provisional(p)),
    cell("Entry", "n", price(p.avg_entry_price), sub(usd(p.exposure))),
    cell(
      "Mark",
      "n",
      price(p.mark_price),
      p.marked_at ? sub(age(p.marked_at, "", " ago")) : sub("not marked"),
    ),
    cell(
      "P&L",
      `n ${gain(p.unrealised_pnl)}`,
      signedUsd(p.unrealised_pnl),
      sub(signedPercent(p.unrealised_share)),
    ),
    cell("Levels", "levels", ...levels(p)),
    cell("State", "state", positionState(p)),
  );
}

function provisional(p) {
  return p.is_provisional
    ? el("span", "sub warn-text", `${shares(p.settled_size)} settled`)
    : el("span", "sub", "settled");
}

// Where the mark stands between stop and target, and the levels in figures.
function levels(p) {
  const { stop_loss_price: stop, take_profit_price: target, trailing_stop_price: trail } = p.levels;
  const figures = [
    stop && `stop ${price(stop)}`,
    trail && `trail ${price(trail)}`,
    target && `target ${price(target)}`,
  ];
  const text = el("span", "sub", figures.filter(Boolean).join(" · ") || "no levels");
  const low = Math.max(Number(stop ?? NaN), Number(trail ?? -1));
  if (stop == null || target == null || p.mark_price == null || Number(target) <= low) return [text];
  const place = (value) =>
    `${Math.min(100, Math.max(0, ((Number(value) - low) / (Number(target) - low)) * 100))}%`;
  const entry = el("span", "entry");
  const mark = el("span", `mark ${gain(p.unrealised_pnl)}`);
  entry.style.left = place(p.avg_entry_price);
  mark.style.left = place(p.mark_price);
  return [el("span", "range", entry, mark), text];
}

function positionState(p) {
  const tag = el("span", `tag ${p.state === "OPEN" ? "good" : "running"}`, words(p.state));
  const reason = p.exit_reason ? el("span", "sub", words(p.exit_reason)) : null;
  const followed = p.workflow_url ? el("span", "sub", link(p.workflow_url, "workflow")) : null;
  return el("span", "", tag, reason, followed, el("span", "sub", age(p.opened_at, "for ")));
}

function tradeRow(t, openDetail) {
  const side = el("span", `side ${t.side.toLowerCase()}`, t.side);
  const order = el("span", "", side, ` ${shares(t.size)} `, outcome(t.token), ` @ ${price(t.price)}`);
  return tableRow(
    cell("When", "when", age(t.committed_at, "", " ago"), sub(SOURCES[t.source] || t.source)),
    cell("Whale's order", "market", order, clipped(marketName(t.token)), sub(whaleTag(t.whale))),
    cell("Notional", "n", usdShort(t.notional)),
    cell("State", "", stateTag(t.state), sub(detailButton(t, openDetail))),
    cell("What came of it", "came", ...cameOf(t)),
  );
}

function cameOf(t) {
  if (Number(t.filled_size) > 0) {
    const filled = `${shares(t.filled_size)} @ ${price(t.avg_fill_price)}`;
    return [
      el("span", "", filled),
      sub(`${usd(t.filled_notional)}, sent after ${milliseconds(t.latency_ms)}`),
    ];
  }
  if (COPIED.has(t.state)) return [el("span", "", "sold by the position's exit")];
  if (t.reason) return [el("span", "", words(t.reason)), sub(decisive(t.numbers))];
  return [el("span", "quiet", RUNNING.has(t.state) ? "under way" : "nothing filled")];
}

// The figures that decided: the bounds computed last and what each bounds, else the last ones.
function decisive(numbers) {
  const named = Object.entries(numbers).filter(([name]) => name !== "verdict");
  const last = named.slice(-NUMBERS_SHOWN);
  const bounds = last.filter(([name]) => BOUND.test(name));
  const bases = bounds.map(([name]) => name.replace(BOUND, ""));
  const bounded = named.filter(
    ([name]) => !BOUND.test(name) && bases.some((base) => name.startsWith(base) || name.endsWith(base)),
  );
  const shown = bounded.length ? [...bounded.slice(-2), ...bounds] : last;
  return shown.map(([name, text]) => `${name.replaceAll("_", " ")} ${short(text)}`).join(" · ");
}

function short(text) {
  if (/^-?\d+\.\d{5,}$/.test(text)) return String(Number(Number(text).toPrecision(4)));
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
}

function detailButton(t, openDetail) {
  const button = el("button", "plain", t.reason ? "why?" : "steps");
  button.type = "button";
  button.setAttribute("aria-label", `Steps of the signal on ${marketName(t.token)}`);
  button.addEventListener("click", () => openDetail(t.signal_id));
  return button;
}

function orderLine(o) {
  const order = o.order;
  const side = el("span", `side ${order.side.toLowerCase()}`, order.side);
  const what = el(
    "span",
    "",
    side,
    ` ${shares(order.size)} `,
    outcome(order.token),
    ` @ ${price(order.price)}`,
  );
  const matched = `${percent(Number(order.size) ? Number(order.size_matched) / Number(order.size) : 0)} matched`;
  const posts = order.posts === 1 ? "sent once" : `sent ${order.posts} times`;
  const line = el(
    "li",
    "",
    row(what, el("span", `tag ${order.had_unknown ? "bad" : "running"}`, words(order.state))),
  );
  line.append(sub(marketName(order.token)), sub(`${matched}, ${posts}, `, age(order.created_at, "", " old")));
  if (order.error) line.append(sub(order.error));
  return line;
}

function feedLine(f) {
  const kind = { speaking: "good", silent: "bad" }[f.health] || "no";
  const heard = f.last_heard_at ? age(f.last_heard_at, "heard ", " ago") : "";
  const line = el("li", "", row(el("strong", "", f.feed), el("span", `tag ${kind}`, f.health)));
  if (heard) line.append(sub(heard));
  if (f.health === "idle") line.append(sub("nothing is held or ordered that it could tell of"));
  if (f.health === "unknown") line.append(sub("when it last spoke is not recorded"));
  if (f.last_stored_at) {
    const count = f.stored_last_hour == null ? "" : `, ${f.stored_last_hour} in the last hour`;
    line.append(sub(age(f.last_stored_at, "last stored ", " ago"), count));
  }
  if (f.refused_last_day)
    line.append(el("span", "sub warn-text", `${f.refused_last_day} refused today, last: ${f.last_refusal}`));
  return line;
}

function reviewLine(r) {
  return el(
    "li",
    "",
    row(el("span", "", r.reason), severityTag(r.severity)),
    sub(`${r.review_id}: ${words(r.kind)}`, ", ", age(r.opened_at, "", " ago")),
    r.token ? sub(outcome(r.token), ", ", marketName(r.token)) : null,
  );
}

function severityTag(severity) {
  const kind = { PAGE: "bad", ERROR: "bad", WARNING: "warn" }[severity] || "no";
  return el("span", `tag ${kind}`, words(severity));
}

function eventLine(e) {
  return el(
    "li",
    "",
    row(el("span", "", e.title), severityTag(e.severity)),
    sub(words(e.type), ", ", age(e.at, "", " ago")),
  );
}

export function showRefusals(refusals) {
  const named = Object.entries(refusals)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 10);
  const most = Math.max(1, ...named.map(([, n]) => n));
  keep(
    document.getElementById("refusals"),
    named,
    ([reason]) => reason,
    ([reason, n]) =>
      el(
        "div",
        "bar plainbar",
        row(el("span", "", words(reason)), el("span", "n", String(n))),
        bar(n / most),
      ),
  );
  show("refusals-empty", named.length === 0);
}

export function showLatency(hops) {
  keep(
    document.getElementById("latency"),
    hops,
    (h) => h.hop,
    (h) =>
      el(
        "tr",
        "",
        el("td", "", words(h.hop)),
        el("td", "n", String(h.n)),
        ...[h.p50_ms, h.p90_ms, h.p99_ms].map((ms) => el("td", "n", milliseconds(ms))),
      ),
  );
  show("latency-empty", hops.length === 0);
}

export function outcome(token) {
  return el("span", "outcome", token.outcome || "outcome unknown");
}

export function sub(...children) {
  return el("span", "sub", ...children);
}

function clipped(text) {
  const made = el("span", "sub clip", text);
  made.title = text;
  return made;
}

export function row(...children) {
  return el("span", "row", ...children);
}

function isShown(t) {
  return shown === "all" || GROUPS[shown].includes(t.state);
}
