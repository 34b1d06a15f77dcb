// What changed since yesterday, and how many addresses passed, over time.
import { get } from "./api.js";
import { el, percent, svg, table, when, word } from "./dom.js";

const DAY = 86400e3;
const PAGES = 20;
const SAID = { opened: "opened", changed: "changed", resolved: "resolved", reopened: "opened again" };

export async function changes(standing) {
  const { epoch, seq } = standing.kept;
  const since = Date.now() - DAY;
  let cursor = `${epoch}-${Math.max(0, seq - 200 * PAGES)}`;
  const found = [];
  try {
    for (let page = 0; page < PAGES; page += 1) {
      const told = await get(`/v1/events?after=${encodeURIComponent(cursor)}&limit=200`);
      found.push(...told.events.filter((one) => new Date(one.at) >= since));
      cursor = told.next;
      if (!told.more) break;
    }
  } catch {
    const told = await get("/v1/events?limit=1000");
    found.push(...told.events.filter((one) => new Date(one.at) >= since));
  }
  if (!found.length) return el("p", {}, "Nothing has changed in the last 24 hours.");
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Changes, newest first" },
    table("Newest first", ["When", "What", "Severity", "Finding"], found.reverse().map((one) =>
      [when(one.at), SAID[one.event] ?? one.event, one.finding.severity,
        one.finding.summary + (one.suppression ? ` (was held back by ${one.suppression.owner}: ${one.suppression.reason})` : "")])));
}

export async function coverage() {
  const begin = Date.now() - 7 * DAY;
  const told = await get(`/v1/history?since=${encodeURIComponent(new Date(Math.floor(begin / 3600e3) * 3600e3).toISOString())}`);
  const known = told.verdicts.filter((one) => one.coverage !== null);
  if (!known.length) return el("p", {}, "Nothing is known of addresses yet.");
  const lines = new Map();
  for (const one of known) {
    const points = (one.until ? [one.since, one.until] : [one.since, new Date().toISOString()])
      .map((at) => [Math.max(begin, +new Date(at)), one.coverage]);
    const name = `${one.domain} from ${one.zone}`;
    lines.set(name, [...(lines.get(name) ?? []), ...points]);
  }
  const alike = new Map();  // many domains share one line
  for (const [name, points] of lines) {
    const key = JSON.stringify(points.map(([, share]) => share));
    alike.set(key, { names: [...(alike.get(key)?.names ?? []), name], points });
  }
  const groups = [...alike.values()];
  return el("div", {}, plot(groups, begin), legend(groups),
    el("details", {}, el("summary", {}, "The same as a table"),
      el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Coverage over time" },
        table("Each time that it was what it was", ["Domain", "Zone", "Since", "Until", "Verdict", "Addresses that pass"],
          known.map((one) => [one.domain, one.zone, when(one.since), one.until ? when(one.until) : "now",
            word(one.verdict), percent(one.coverage)])))));
}

function plot(groups, begin) {
  const [width, height, left, bottom] = [720, 220, 44, 24];
  const x = (at) => left + (at - begin) / (Date.now() - begin) * (width - left - 8);
  const y = (share) => 8 + (1 - share) * (height - bottom - 8);
  const made = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "plot-title plot-text" });
  const title = svg("title", { id: "plot-title" });
  title.textContent = "Share of public addresses that pass, over a week";
  const text = svg("desc", { id: "plot-text" });
  text.textContent = groups.map(({ names, points }) =>
    `${names.join(", ")}: ${percent(points.at(-1)[1])} now`).join("; ");
  made.append(title, text);
  for (const share of [0, 0.5, 1]) {
    const label = svg("text", { x: 4, y: y(share) + 4 });
    label.textContent = `${100 * share} %`;
    made.append(svg("line", { class: "grid", x1: left, x2: width, y1: y(share), y2: y(share) }), label);
  }
  for (let day = 0; day <= 7; day += 1) {
    const label = svg("text", { x: Math.min(x(begin + day * DAY), width - 30), y: height - 6 });
    label.textContent = day === 7 ? "now" : `−${7 - day} d`;
    made.append(label);
  }
  groups.forEach(({ points }, at) => {
    const d = points.map(([time, share], index) =>
      index ? `H${x(time).toFixed(1)}V${y(share).toFixed(1)}` : `M${x(time).toFixed(1)} ${y(share).toFixed(1)}`).join("");
    made.append(svg("path", { class: `s${at % 6}`, d }));
  });
  return made;
}

function legend(groups) {
  return el("ul", {}, groups.map(({ names, points }, at) => {
    const mark = svg("svg", { width: 24, height: 10, "aria-hidden": "true" }, svg("line", { class: `s${at % 6}`, x1: 0, x2: 24, y1: 5, y2: 5 }));
    const few = names.slice(0, 4).join(", ") + (names.length > 4 ? ` and ${names.length - 4} more` : "");
    return el("li", {}, mark, ` ${percent(points.at(-1)[1])}: ${few}`);
  }));
}
