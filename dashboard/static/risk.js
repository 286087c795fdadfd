// Shows every limit and breaker as a bar of what is used, and says when entries are halted.

import { age, bar, el, keep, show } from "/static/rows.js";
import { percent, usdShort } from "/static/words.js";

const LIMITS_SHOWN = 12;
const NAMES = {
  wallet_exposure: "wallet",
  whale_exposure: "whale",
  market_exposure: "market",
  market_share: "market, share of the portfolio",
  position_exposure: "position",
};

export function showRisk(risk) {
  const throttles = risk.limits.filter((limit) => limit.scope === "THROTTLE");
  keep(document.getElementById("limits"), tightest(risk.limits).slice(0, LIMITS_SHOWN), keyOf, barOf);
  keep(document.getElementById("throttles"), throttles, keyOf, barOf);
  keep(document.getElementById("breakers"), risk.breakers, keyOf, barOf);
  showHalt(risk);
}

// A market has a cap in dollars and one in share of the portfolio: the fuller one counts.
function tightest(limits) {
  const kept = new Map();
  for (const limit of limits.filter((each) => each.scope !== "THROTTLE")) {
    const place = `${limit.scope} ${limit.key}`;
    const known = kept.get(place);
    if (!known || Number(limit.share) > Number(known.share)) kept.set(place, limit);
  }
  return [...kept.values()];
}

function keyOf(limit) {
  return `${limit.name} ${limit.key}`;
}

function barOf(limit) {
  const kind = limit.is_full ? "full" : limit.is_near ? "near" : "";
  const label = el(
    "span",
    "label",
    limit.label,
    NAMES[limit.name] ? el("span", "sub", NAMES[limit.name]) : null,
  );
  const figures = el("span", "n", `${figure(limit.used, limit.unit)} of ${figure(limit.cap, limit.unit)}`);
  const made = el("div", `bar ${kind}`, el("span", "row", label, figures), bar(Number(limit.share)));
  made.title = `${limit.name} ${percent(limit.share)} used`;
  return made;
}

function figure(text, unit) {
  if (unit === "USD") return usdShort(text);
  return unit === "SHARE" ? percent(text, 1) : String(Number(text));
}

function showHalt(risk) {
  const holder = document.getElementById("halt");
  show("halt", risk.entries_halted || risk.halts.length > 0);
  const lines = [];
  if (risk.entries_halted) lines.push(el("strong", "", `Entries are halted: ${risk.halt_reason}`));
  if (risk.paused_until)
    lines.push(el("span", "", ` Until ${new Date(risk.paused_until).toLocaleTimeString("en-GB")}.`));
  for (const halt of risk.halts.filter((each) => each.scope === "TOKEN")) {
    lines.push(
      el(
        "span",
        "sub",
        `One token is halted (${halt.key.slice(0, 10)}…): ${halt.reason}, `,
        age(halt.halted_at, "", " ago"),
      ),
    );
  }
  if (risk.entries_halted) lines.push(el("span", "sub", "Exits go on."));
  holder.replaceChildren(...lines);
}
