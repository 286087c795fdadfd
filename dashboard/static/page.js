// Listens to the server and keeps the page in step: one event per section that changed.

import { drawCurve } from "/static/chart.js";
import { openDetail } from "/static/detail.js";
import { chooseEarnings, showEarnings } from "/static/earnings.js";
import { showRisk } from "/static/risk.js";
import { el, refreshAges, show, write } from "/static/rows.js";
import {
  filterTrades,
  showEvents,
  showFeeds,
  showLatency,
  showOrders,
  showPositions,
  showRefusals,
  showReviews,
  showTrades,
} from "/static/tables.js";
import { clock, gain, percent, signedUsd, usd } from "/static/words.js";

const RETRY_MS = 5000;
const CURVE_MS = 5000;
const COPIED = ["FILLED", "PARTIAL"];

let status = null;
let curve = [];
let heardAt = null;

const SECTIONS = {
  status: showStatus,
  play: showPlay,
  positions: showPositions,
  trades: (trades) => showTrades(trades, openDetail),
  orders: showOrders,
  risk: showRisk,
  feeds: showFeeds,
  reviews: showReviews,
  events: showEvents,
  pnl: showEarnings,
  equity: (points) => {
    curve = points;
    redraw();
  },
  health: ({ records }) => showHealth(records === "ok"),
};

function listen() {
  const source = new EventSource("/events");
  for (const [name, render] of Object.entries(SECTIONS)) {
    source.addEventListener(name, (event) => {
      heardAt = new Date();
      render(JSON.parse(event.data));
    });
  }
  source.addEventListener("open", () => showLink("live", "live"));
  source.addEventListener("error", () => {
    showLink("lost", heardAt ? `lost, as of ${clock(heardAt)}` : "no connection");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
}

function showStatus(told) {
  status = told;
  const { money, tally } = told;
  write("equity", usd(money.equity));
  write(
    "equity-note",
    Number(money.drawdown) > 0 ? `${percent(money.drawdown, 1)} below its peak` : "at its peak",
  );
  write("pnl", signedUsd(money.pnl), `number ${gain(money.pnl)}`);
  write("pnl-note", `deposits ${usd(money.deposits)}`);
  write("realised", signedUsd(money.realised_pnl), `number ${gain(money.realised_pnl)}`);
  write("realised-note", `today ${signedUsd(money.pnl_today)}, fees ${usd(money.fees)}`);
  write("unrealised", signedUsd(money.unrealised_pnl), `number ${gain(money.unrealised_pnl)}`);
  write("unrealised-note", `${told.positions_open} open, worth ${usd(money.bid_value)}`);
  write("cash", usd(money.cash));
  write("cash-note", `${usd(money.available)} free`);
  showTally(tally);
  showRefusals(tally.refusals);
  showLatency(tally.latency);
  const temporal = document.getElementById("temporal");
  temporal.hidden = !told.temporal_url;
  if (told.temporal_url) temporal.href = told.temporal_url;
  redraw();
}

function showTally(tally) {
  const states = Object.entries(tally.states);
  const sum = (wanted) => states.filter(([state]) => wanted(state)).reduce((n, [, count]) => n + count, 0);
  const copied = sum((state) => COPIED.includes(state));
  const running = sum((state) => state === "WAITING" || state === "RUNNING");
  write("signals", String(sum(() => true)));
  write("signals-note", `${copied} copied, ${sum(() => true) - copied - running} not, ${running} running`);
}

// A tape must never be taken for the market.
function showPlay(play) {
  show("play", play.tape != null);
  if (play.tape == null) return;
  const speed = play.speed && play.speed !== "1" ? `, ${play.speed} times as fast` : "";
  const far = play.done
    ? "played to its end"
    : play.progress == null
      ? "playing"
      : `${play.progress}% played`;
  const invented = el(
    "details",
    "",
    el("summary", "", "What is invented"),
    el("ul", "", ...play.invented.map((each) => el("li", "", each))),
  );
  document
    .getElementById("play")
    .replaceChildren(
      el("strong", "", "Recorded books, invented whales. "),
      el("span", "", `This is a tape (${play.tape}), not the market: ${far}${speed}.`),
      play.invented.length ? invented : "",
      el("span", "sub", [play.attribution, play.licence].filter(Boolean).join(" · ")),
    );
}

function showHealth(isFine) {
  show("stale", !isFine);
  write("stale", `The records cannot be read; what you see is from ${heardAt ? clock(heardAt) : "before"}.`);
  if (isFine) showLink("live", "live");
  else showLink("lost", "records unavailable");
}

function showLink(kind, text) {
  document.getElementById("link").className = `link ${kind}`;
  write("link-text", text);
}

function redraw() {
  const points = [...curve];
  const last = points.at(-1);
  const now = new Date().toISOString();
  if (status && last && now > last.at)
    points.push({ at: now, equity: status.money.equity, pnl: status.money.pnl });
  drawCurve(document.getElementById("curve"), points, document.getElementById("curve-at"));
}

listen();
filterTrades(openDetail);
chooseEarnings();
setInterval(refreshAges, 1000);
setInterval(redraw, CURVE_MS);
addEventListener("resize", redraw);
