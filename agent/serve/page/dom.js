// Elements from names, attributes and texts. What comes from outside is text, and never markup.
const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== ""));
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// What may be wider than a phone scrolls in itself, also by keyboard.
export function wide(name, ...children) {
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": name, "data-key": name }, ...children);
}

export const captioned = (text) => el("caption", {}, el("span", {}, text));

export function table(caption, head, rows) {
  return wide(caption, el("table", {}, captioned(caption),
    el("thead", {}, el("tr", {}, head.map((one) => el("th", { scope: "col" }, one)))),
    el("tbody", {}, rows.map(([first, ...rest]) =>
      el("tr", {}, el("th", { scope: "row" }, first), rest.map((one) => el("td", {}, one)))))));
}

export function list(...pairs) {
  return el("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value.length !== 0)
    .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

// Draws anew what somebody may be using: focus and scrolling stay where they were, on the same things made anew.
export function redraw(place, children) {
  const held = place.contains(document.activeElement) ? document.activeElement : null;
  const scrolled = [...place.querySelectorAll(".wide")].map((one) => [one.dataset.key, one.scrollLeft, one.scrollTop]);
  place.replaceChildren(...children);
  const same = (key) => [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  for (const [key, left, top] of scrolled) same(key)?.scrollTo({ left, top, behavior: "instant" });
  if (held) (held.isConnected ? held : same(held.dataset.key))?.focus({ preventScroll: true });
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

// Times: the exact one, and how long ago, which tick() keeps true.
export function when(text) {
  const at = new Date(text);
  return el("time", { datetime: text, title: at.toISOString() }, at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
}

export function since(text) {
  const made = el("time", { datetime: text, title: new Date(text).toLocaleString(), "data-since": "" });
  made.textContent = ago(text);
  return made;
}

export function tick() {
  for (const one of document.querySelectorAll("time[data-since]")) {
    const said = ago(one.dateTime);
    if (one.textContent !== said) one.textContent = said;
  }
}

export function ago(text, now = Date.now()) {
  const seconds = (now - new Date(text)) / 1000;
  const far = Math.abs(seconds);
  if (far < 10) return "just now";
  const [size, unit] = far < 90 ? [1, "second"] : far < 5400 ? [60, "minute"] : far < 172800 ? [3600, "hour"] : [86400, "day"];
  const said = count(Math.round(far / size), unit);
  return seconds < 0 ? `in ${said}` : `${said} ago`;
}

// Words beside each colour.
export const WORDS = {
  allowed: "allowed", partial: "partly blocked", blocked: "blocked", unknown: "unknown", "not-routed": "not routed",
};
export const word = (verdict) => WORDS[verdict] ?? verdict;
export const mark = (kind, text = word(kind)) => el("span", { class: `word ${kind}` }, text);

// The share that belongs to a verdict; where all addresses pass, it is something else that stops.
export const share = ({ verdict, coverage }) =>
  (verdict === "partial" && coverage !== null && coverage < 1 ? percent(coverage) : "");

export function from(zone) {
  if (zone === "forwarded") return "for forwarded traffic";
  return `from ${zone === "host" ? "this host" : zone}`;
}

// A share as people read it: what is not all is never rounded to all, nor what is not nothing to nothing.
export function percent(share) {
  if (share === 0 || share === 1) return `${100 * share} %`;
  const rare = 100 * Math.min(share, 1 - share);
  if (rare < 1e-4) return share < 0.5 ? "less than 0.0001 %" : "more than 99.9999 %";
  return `${(100 * share).toFixed(Math.min(6, Math.max(1, 1 - Math.floor(Math.log10(rare)))))} %`;
}

// A rule as the administrator wrote it, and where.
export function rule(source) {
  const file = source.artifact.startsWith("files/") ? source.artifact.slice(5) : source.artifact;
  const parts = [file, source.table, source.chain].filter(Boolean);
  if (source.line !== null && source.line !== undefined) parts.push(`line ${source.line}`);
  if (source.handle !== null && source.handle !== undefined) parts.push(`handle ${source.handle}`);
  return el("figure", { class: "rule" }, el("pre", {}, el("code", {}, source.text || "(the file as a whole)")),
    el("figcaption", {}, parts.join(", ")));
}
