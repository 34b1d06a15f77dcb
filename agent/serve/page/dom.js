// Elements from names, attributes and texts; what comes from outside is text, and never markup.
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((one) => one !== null && one !== undefined));
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const $ = (id) => document.getElementById(id);

export function table(caption, head, rows) {
  return el("table", {}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, head.map((one) => el("th", { scope: "col" }, one)))),
    el("tbody", {}, rows.map(([first, ...rest]) =>
      el("tr", {}, el("th", { scope: "row" }, first), rest.map((one) => el("td", {}, one))))));
}

export function when(text) {
  const at = new Date(text);
  return el("time", { datetime: text, title: at.toISOString() }, at.toLocaleString());
}

export function ago(text, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(text)) / 1000);
  const [size, unit] = seconds < 90 ? [1, "second"] : seconds < 5400 ? [60, "minute"]
    : seconds < 172800 ? [3600, "hour"] : [86400, "day"];
  const count = Math.round(seconds / size);
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}

export const WORDS = {
  allowed: "allowed", partial: "partly blocked", blocked: "blocked", unknown: "unknown", "not-routed": "not routed",
};
export const word = (verdict) => WORDS[verdict] ?? verdict;

// A share as people read it: what is not all is never rounded to all, nor what is not nothing to nothing.
export function percent(share) {
  if (share > 0 && share < 0.001) return "less than 0.1 %";
  if (share < 1 && share > 0.999) return "more than 99.9 %";
  return `${(100 * share).toFixed(share === 0 || share === 1 ? 0 : 1)} %`;
}
