// Coverage of address lists over time: steps, as each share stood until an audit found another.
import { $, count, el, from, percent, redraw, svg, table, when, word } from "./dom.js";

const DAY = 864e5;
const MOST = 8;
const GAP = 13;
const [TALL, LEFT, RIGHT, TOP, BOTTOM] = [240, 48, 30, 10, 26];
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const DATE = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });
let shown = null;
let drawn = null;

export const days = () => Number($("span").value);

export function listen(reload) {
  $("span").addEventListener("change", reload);
  new ResizeObserver(() => { if (shown && drawn !== width()) draw(); }).observe($("chart"));
}

const width = () => Math.max(280, Math.min(1680, $("chart").clientWidth));

export function show(history, now = Date.now()) {
  // where nothing is new, the lines still grow
  if (shown?.history !== history) tables(history);
  shown = { history, now, begin: now - days() * DAY };
  draw();
}

// Lines of domains that stood alike; each is a list of [begin, end, share], where nothing is known there is a hole.
export function lines(verdicts, begin, now) {
  const known = verdicts.filter((one) => one.coverage !== null && !(one.until && new Date(one.until) <= begin));
  const stood = Map.groupBy(known, (one) => JSON.stringify([one.pack, one.domain, one.zone]));
  const alike = new Map();
  for (const rows of stood.values()) {
    const steps = [];
    for (const one of rows) {
      const [start, end] = [Math.max(begin, +new Date(one.since)), one.until ? +new Date(one.until) : now];
      const last = steps.at(-1);
      if (last && last[1] === start && last[2] === one.coverage) last[1] = end;
      else steps.push([start, end, one.coverage]);
    }
    const key = JSON.stringify(steps);
    const name = { domain: rows[0].domain, zone: rows[0].zone };
    alike.set(key, { steps, names: [...(alike.get(key)?.names ?? []), name] });
  }
  return [...alike.values()].sort((one, other) => one.steps.at(-1)[2] - other.steps.at(-1)[2]);
}

function draw() {
  const { history, begin, now } = shown;
  drawn = width();
  const all = lines(history.verdicts, begin, now);
  $("chart").replaceChildren(...(all.length ? [chart(all.slice(0, MOST), begin, now, drawn), legend(all.slice(0, MOST)),
    ...(all.length > MOST ? [el("p", { class: "note" }, `${count(all.length - MOST, "more line")} are in the table only.`)] : [])]
    : [el("p", {}, "Nothing is known of addresses in this time.")]));
}

// The same for those who cannot see it, or want to know exactly, and what traffic has shown.
function tables({ verdicts, tallies }) {
  const opened = new Set([...$("numbers").querySelectorAll("details[open]")].map((one) => one.id));
  const known = verdicts.filter((one) => one.coverage !== null);
  const last = tallies.at(-1)?.at;
  const seen = tallies.filter((one) => one.at === last && one.addresses + one.passed + one.blocked + one.inconclusive);
  redraw($("numbers"), [
    ...(known.length ? [folded("plot-table", "The same as a table", opened, table("Each share, and when it stood",
      ["Domain", "Zone", "Since", "Until", "Verdict", "Addresses that pass"], known.map((one) => [one.domain, one.zone, when(one.since),
        one.until ? when(one.until) : "now", word(one.verdict), percent(one.coverage)])))] : []),
    ...(seen.length ? [folded("plot-seen", "What traffic has shown", opened, table("At the last audit",
      ["Domain", "Addresses seen", "Passed", "Blocked", "Inconclusive"],
      seen.map((one) => [one.domain, ...[one.addresses, one.passed, one.blocked, one.inconclusive].map(String)])))] : []),
  ]);
}

const folded = (id, title, opened, ...children) =>
  el("details", { id, ...(opened.has(id) ? { open: "" } : {}) }, el("summary", { "data-key": id }, title), ...children);

function chart(all, begin, now, wide) {
  const x = (at) => LEFT + (at - begin) / (now - begin) * (wide - LEFT - RIGHT);
  const y = (share) => TOP + (1 - share) * (TALL - TOP - BOTTOM);
  const made = svg("svg", { viewBox: `0 0 ${wide} ${TALL}`, width: wide, height: TALL, role: "img", "aria-labelledby": "plot-title plot-text" });
  made.append(texted("title", { id: "plot-title" }, `Share of public addresses that pass, over ${count(days(), "day")}`),
    texted("desc", { id: "plot-text" }, all.map((one, at) => `Line ${letter(at)}, ${named(one.names)}: ${course(one.steps)}`).join(". ")));
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    made.append(svg("line", { class: "grid", x1: LEFT, x2: wide - RIGHT, y1: y(share), y2: y(share) }),
      texted("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`));
  }
  for (const [at, text] of marks(begin, now, wide)) {
    made.append(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: y(0), y2: y(0) + 4 }),
      texted("text", { x: x(at), y: TALL - 6, "text-anchor": "middle" }, text));
  }
  const heights = apart(all.map(({ steps }) => y(steps.at(-1)[2]) + 4), y(0) + 4);
  all.forEach(({ steps }, at) => {
    const d = steps.map(([start, end, share], index) => {
      const joined = index && steps[index - 1][1] === start;
      return `${joined ? `V${y(share).toFixed(1)}` : `M${x(start).toFixed(1)} ${y(share).toFixed(1)}`}H${x(end).toFixed(1)}`;
    }).join("");
    made.append(svg("path", { class: `line s${at}`, d }),
      texted("text", { class: `letter t${at}`, x: x(steps.at(-1)[1]) + 6, y: heights[at] }, letter(at)));
  });
  return made;
}

// Letters of lines that end alike, the lowest line first: each one stands above the next.
function apart(heights, lowest) {
  const found = [...heights];
  for (let at = found.length - 2; at >= 0; at -= 1) found[at] = Math.max(found[at], found[at + 1] + GAP);
  for (let at = 0; at < found.length; at += 1) found[at] = Math.min(found[at], at ? found[at - 1] - GAP : lowest);
  return found;
}

// Where the axis of time is marked: whole hours or days of the clock on the wall, as many as there is room for.
function marks(begin, now, wide) {
  const room = Math.max(2, Math.floor((wide - LEFT - RIGHT) / 62));
  const whole = now - begin > 2 * DAY ? [24, 48, 120, 168, 240, 360] : [1, 3, 6, 12];
  const hours = whole.find((one) => (now - begin) / 36e5 / one <= room) ?? whole.at(-1);
  const at = new Date(begin);
  at.setMinutes(0, 0, 0);
  if (hours >= 24) at.setHours(0);
  const found = [];
  while (+at < now) {
    if (+at >= begin && (hours >= 24 || at.getHours() % hours === 0)) found.push([+at, hours >= 24 ? DATE.format(at) : CLOCK.format(at)]);
    if (hours >= 24) at.setDate(at.getDate() + hours / 24);
    else at.setHours(at.getHours() + 1);
  }
  return found;
}

function legend(all) {
  return el("ul", { class: "legend" }, all.map(({ names, steps }, at) => el("li", {},
    svg("svg", { width: 32, height: 10, "aria-hidden": "true" }, svg("path", { class: `line s${at}`, d: "M0 5H32" })),
    " ", el("strong", { class: `t${at}` }, letter(at)), ` ${course(steps)}: ${named(names)}`)));
}

const letter = (at) => String.fromCharCode(65 + at);

function course(steps) {
  const now = `${percent(steps.at(-1)[2])} now`;
  const before = steps.findLast((one) => one[2] !== steps.at(-1)[2]);
  return before ? `${now}, before ${percent(before[2])}` : now;
}

function named(names) {
  return [...Map.groupBy(names, (one) => one.zone)].map(([zone, found]) => {
    const domains = found.map((one) => one.domain);
    return `${domains.length > 3 ? `${domains.slice(0, 2).join(", ")} and ${domains.length - 2} more` : domains.join(", ")} ${from(zone)}`;
  }).join("; ");
}

function texted(name, attributes, text) {
  const made = svg(name, attributes);
  made.textContent = text;
  return made;
}
