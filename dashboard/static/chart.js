// Draws the equity curve as an SVG: a line over time, a few rulers, and the point under the hand.

import { usd, usdShort } from "/static/words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 170;
const LEFT = 64;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 22;

let drawn = [];

export function drawCurve(holder, points, readout) {
  drawn = points.map((point) => ({ at: Date.parse(point.at), equity: Number(point.equity), text: point }));
  holder.replaceChildren();
  if (drawn.length < 2) {
    const empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = "The curve begins with the first two samples.";
    holder.append(empty);
    return;
  }
  const width = Math.max(280, holder.clientWidth || 600);
  const scale = scaleOf(drawn, width);
  const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width: "100%", height: HEIGHT, role: "img" });
  svg.setAttribute("aria-label", describe(drawn));
  for (const tick of scale.ticks) svg.append(...ruler(tick, scale, width));
  svg.append(...times(scale, width));
  const line = drawn
    .map((p, i) => `${i ? "L" : "M"}${scale.x(p.at).toFixed(1)},${scale.y(p.equity).toFixed(1)}`)
    .join("");
  const floor = HEIGHT - BOTTOM;
  const first = scale.x(drawn[0].at).toFixed(1);
  const last = scale.x(drawn.at(-1).at).toFixed(1);
  svg.append(make("path", { d: `${line}L${last},${floor}L${first},${floor}Z`, class: "area" }));
  svg.append(make("path", { d: line, class: "line" }));
  svg.append(...hand(svg, scale, readout));
  holder.append(svg);
}

function scaleOf(points, width) {
  const values = points.map((p) => p.equity);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = Math.max((high - low) * 0.12, Math.abs(high) * 0.0005, 0.5);
  const [bottom, top] = [low - room, high + room];
  const [from, to] = [points[0].at, Math.max(points.at(-1).at, points[0].at + 1)];
  return {
    from,
    to,
    ticks: niceTicks(bottom, top, 4),
    x: (at) => LEFT + ((at - from) / (to - from)) * (width - LEFT - RIGHT),
    y: (value) => TOP + ((top - value) / (top - bottom)) * (HEIGHT - TOP - BOTTOM),
  };
}

function niceTicks(bottom, top, count) {
  const rough = (top - bottom) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const ticks = [];
  for (let tick = Math.ceil(bottom / step) * step; tick <= top; tick += step) ticks.push(tick);
  return ticks;
}

function ruler(tick, scale, width) {
  const y = scale.y(tick).toFixed(1);
  const text = make("text", { x: LEFT - 8, y: Number(y) + 4, class: "label end" });
  text.textContent = scale.ticks.every((t) => Number.isInteger(t))
    ? `$${tick.toLocaleString("en-US")}`
    : usd(tick);
  return [make("line", { x1: LEFT, x2: width - RIGHT, y1: y, y2: y, class: "ruler" }), text];
}

function times(scale, width) {
  const count = width < 500 ? 2 : 5;
  return Array.from({ length: count + 1 }, (_, i) => {
    const at = scale.from + ((scale.to - scale.from) * i) / count;
    const place = i === 0 ? "" : i === count ? " end" : " middle";
    const text = make("text", { x: scale.x(at).toFixed(1), y: HEIGHT - 5, class: `label${place}` });
    text.textContent = timeText(at, scale.to - scale.from);
    return text;
  });
}

function hand(svg, scale, readout) {
  const rod = make("line", { y1: TOP, y2: HEIGHT - BOTTOM, class: "rod", visibility: "hidden" });
  const dot = make("circle", { r: 3.5, class: "at", visibility: "hidden" });
  const point = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const near = drawn.reduce((a, b) => (Math.abs(scale.x(b.at) - x) < Math.abs(scale.x(a.at) - x) ? b : a));
    rod.setAttribute("x1", scale.x(near.at));
    rod.setAttribute("x2", scale.x(near.at));
    dot.setAttribute("cx", scale.x(near.at));
    dot.setAttribute("cy", scale.y(near.equity));
    for (const part of [rod, dot]) part.setAttribute("visibility", "visible");
    readout.textContent = `${usd(near.text.equity)} at ${new Date(near.at).toLocaleString("en-GB")}`;
  };
  svg.addEventListener("pointermove", point);
  svg.addEventListener("pointerleave", () => {
    for (const part of [rod, dot]) part.setAttribute("visibility", "hidden");
    readout.textContent = "";
  });
  return [rod, dot];
}

function timeText(at, span) {
  const options =
    span > 86400000 * 2 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  if (span < 600000) options.second = "2-digit";
  return new Date(at).toLocaleString("en-GB", options);
}

function describe(points) {
  const values = points.map((p) => p.equity);
  const [first, last] = [points[0].equity, points.at(-1).equity];
  const [low, high] = [usdShort(Math.min(...values)), usdShort(Math.max(...values))];
  return `Equity went from ${usd(first)} to ${usd(last)}, lowest ${low}, highest ${high}`;
}

function make(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
  return made;
}
