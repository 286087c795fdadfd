// Writes figures and times for people; everything here returns text.

const CENTS = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SHARES = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });
const MINUS = "\u2212";
const NONE = "\u2013";

export const usd = (text) => (text == null ? NONE : sign(text, "") + "$" + CENTS.format(size(text)));
export const usdShort = (text) =>
  text == null ? NONE : sign(text, "") + "$" + (size(text) >= 1000 ? WHOLE : CENTS).format(size(text));
export const signedUsd = (text) => (text == null ? NONE : sign(text, "+") + "$" + CENTS.format(size(text)));
export const shares = (text) => (text == null ? NONE : SHARES.format(Number(text)));

// Prices keep the digits of their tick: 0.44, 0.445, at least two and at most four.
export function price(text) {
  if (text == null) return NONE;
  return Number(Number(text).toFixed(4)).toFixed(Math.min(4, Math.max(2, digits(text))));
}

export const percent = (share, places = 0) =>
  share == null ? NONE : sign(share, "") + (size(share) * 100).toFixed(places) + "%";
export const signedPercent = (share) =>
  share == null ? NONE : sign(share, "+") + (size(share) * 100).toFixed(1) + "%";

export function milliseconds(text) {
  if (text == null) return NONE;
  const ms = Number(text);
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 0)} s`;
}

export const gain = (text) => (text == null || Number(text) === 0 ? "" : Number(text) > 0 ? "up" : "down");

// SPREAD_TOO_WIDE is "Spread too wide".
export function words(name) {
  const text = String(name).replaceAll("_", " ").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function ago(iso, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB");
export const shortWallet = (wallet) => `${wallet.slice(0, 6)}\u2026${wallet.slice(-4)}`;
export const whaleName = (whale) => whale.pseudonym || shortWallet(whale.wallet);
export const marketName = (token) =>
  token.question || `unknown market, token ${token.token_id.slice(0, 8)}\u2026`;

function size(text) {
  return Math.abs(Number(text));
}

function sign(text, plus) {
  const number = Number(text);
  return number < 0 ? MINUS : number > 0 ? plus : "";
}

function digits(text) {
  return (String(text).split(".")[1] || "").length;
}
