// Shows profit and loss by whale, market or day, and says so when it does not add up.

import { cell, el, keep, show, tableRow, write } from "/static/rows.js";
import { gain, signedPercent, signedUsd, usd } from "/static/words.js";

let by = "whales";
let told = null;

export function showEarnings(earnings) {
  told = earnings;
  const lines = told[by];
  keep(document.getElementById("pnl-rows"), lines, (line) => line.key, by === "days" ? dayRow : groupRow);
  for (const head of document.querySelectorAll("[data-pnl]"))
    head.hidden = head.dataset.pnl !== (by === "days" ? "days" : "groups");
  show("pnl-table", lines.length > 0);
  show("pnl-empty", lines.length === 0);
  write("pnl-gain", told.gain == null ? "" : `${signedPercent(told.gain)} of deposits`);
  show("pnl-gap", Number(told.gap) !== 0);
  write("pnl-gap", `Does not add up: off by ${usd(told.gap)}.`);
}

export function chooseEarnings() {
  const buttons = document.querySelectorAll("button[data-by]");
  for (const button of buttons) {
    button.addEventListener("click", () => {
      by = button.dataset.by;
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
      document.getElementById("pnl-rows").replaceChildren();
      if (told) showEarnings(told);
    });
  }
}

function groupRow(line) {
  const held = line.held ? `${line.held} of ${line.positions} held` : `${line.positions} closed`;
  return tableRow(
    cell("Whose", "market", el("strong", "", line.label), el("span", "sub", held)),
    cell("Worth", "n", usd(line.bid_value), el("span", "sub", `cost ${usd(line.cost)}`)),
    cell("Realised", `n ${gain(line.realised_pnl)}`, signedUsd(line.realised_pnl), fees(line)),
    cell("Unrealised", `n ${gain(line.unrealised_pnl)}`, signedUsd(line.unrealised_pnl)),
    cell("P&L", `n ${gain(line.pnl)}`, el("strong", "", signedUsd(line.pnl))),
  );
}

function dayRow(line) {
  return tableRow(
    cell("UTC day", "market", el("strong", "", line.label)),
    cell("Positions", "n", String(line.positions)),
    cell("Realised", `n ${gain(line.realised_pnl)}`, signedUsd(line.realised_pnl)),
    cell("Equity", "n", usd(line.equity)),
  );
}

function fees(line) {
  return Number(line.fees) ? el("span", "sub", `fees ${usd(line.fees)}`) : null;
}
