// What changed in the last 24 hours: verdicts and findings, by hour, newest first.
import { Gone, get } from "./api.js";
import { $, count, el, from, mark, redraw, share, when, word } from "./dom.js";

const DAY = 864e5;
const STEP = 250;
const MOST = 2000;
const FEW = 12;
const SAID = { opened: "opened", changed: "changed", resolved: "resolved", reopened: "opened again" };
const LOOKS = { opened: "blocked", reopened: "blocked", changed: "partial", resolved: "allowed" };
const HOUR = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
let kept = { epoch: null, next: null, events: [], whole: true };
let drawn = null;

// Events since yesterday: at first read backwards, then only what is new.
export async function load(standing, now = Date.now()) {
  const { epoch, seq } = standing.kept;
  const since = now - DAY;
  if (kept.epoch !== epoch) kept = await backwards(epoch, seq, since);
  else {
    try {
      kept = { ...kept, ...await onwards(kept.next, kept.events) };
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      kept = await backwards(epoch, seq, since);  // the cursor is older than what is kept
    }
  }
  kept.events = kept.events.filter((one) => new Date(one.at) >= since).slice(-MOST);
  return { events: kept.events, whole: kept.whole };
}

async function onwards(cursor, before) {
  const events = [...before];
  for (let next = cursor; ;) {
    const told = await get(`/v1/events?after=${encodeURIComponent(next)}&limit=${STEP}`);
    events.push(...told.events);
    next = told.next;
    if (!told.more || events.length - before.length > MOST) return { events, next };
  }
}

async function backwards(epoch, seq, since) {
  let events = [];
  for (let begin = seq; begin > 0 && events.length < MOST;) {
    const end = begin;
    begin = Math.max(0, begin - STEP);
    let told;
    try {
      told = await get(`/v1/events?after=${epoch}-${begin}&limit=${end - begin}`);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      told = await get(`/v1/events?limit=${STEP}`);  // from the oldest that is kept
      begin = 0;
      told.events = told.events.filter((one) => one.seq <= end);
    }
    events = [...told.events.filter((one) => new Date(one.at) >= since), ...events];
    if (!told.events.length || new Date(told.events[0].at) < since) begin = 0;
  }
  return { epoch, next: `${epoch}-${seq}`, events, whole: events.length < MOST };
}

// What became of domains since then, and what it was before; many that went the same way together.
export function turned(history, since) {
  const found = new Map();
  const rows = Map.groupBy(history.verdicts, (one) => JSON.stringify([one.pack, one.domain, one.zone]));
  for (const stood of rows.values()) {
    stood.forEach((one, at) => {
      const before = stood[at - 1];
      if (!before || new Date(one.since) < since) return;
      if (before.verdict === one.verdict && before.coverage === one.coverage) return;
      const key = JSON.stringify([one.since, one.zone, before.verdict, before.coverage, one.verdict, one.coverage]);
      found.set(key, { at: one.since, before, after: one, domains: [...(found.get(key)?.domains ?? []), one.domain] });
    });
  }
  return [...found.values()].sort((one, other) => new Date(other.at) - new Date(one.at));
}

export function show(told, history, now = Date.now()) {
  const turns = history ? turned(history, now - DAY) : [];
  // the words for days change with the hour
  const text = JSON.stringify([told.events.map((one) => one.seq), turns, Math.floor(now / 36e5)]);
  if (text === drawn) return;
  drawn = text;
  const hours = [...Map.groupBy([...told.events].reverse(), (one) => Math.floor(new Date(one.at) / 36e5))];
  const opened = new Set([...$("events").querySelectorAll("details[open]")].map((one) => one.dataset.hour));
  redraw($("events"), [
    ...(turns.length ? [el("ul", { class: "turns" }, turns.map(turn))] : []),
    ...hours.map(([hour, events], at) => hourly(hour, events, opened.has(String(hour)) || (at === 0 && events.length <= FEW), now)),
    ...(told.whole ? [] : [el("p", { class: "note" }, `Only the newest ${MOST} are shown.`)]),
    ...(hours.length || turns.length ? [] : [el("p", {}, "Nothing has changed in the last 24 hours.")]),
  ]);
}

function turn({ at, before, after, domains }) {
  const named = (one) => [word(one.verdict), share(one)].filter(Boolean).join(", ");
  const few = domains.length > 3 ? `${domains.slice(0, 2).join(", ")} and ${domains.length - 2} more` : domains.join(", ");
  return el("li", {}, when(at), " ", mark(before.verdict, named(before)), " became ", mark(after.verdict, named(after)),
    ` ${from(after.zone)}: ${few}`);
}

function hourly(hour, events, open, now) {
  const begin = new Date(hour * 36e5);
  const day = begin.toDateString() === new Date(now).toDateString() ? "Today" : "Yesterday";
  const kinds = [...Map.groupBy(events, (one) => one.event)].map(([kind, found]) => `${found.length} ${SAID[kind] ?? kind}`);
  return el("details", { class: "hour", "data-hour": hour, ...(open ? { open: "" } : {}) },
    el("summary", { "data-key": `hour ${hour}` }, el("h3", {}, `${day}, ${HOUR.format(begin)} to ${HOUR.format(new Date(+begin + 36e5))}`),
      ` ${count(events.length, "change")}: ${kinds.join(", ")}`),
    el("ul", {}, events.map((one) => el("li", {}, el("time", { datetime: one.at }, HOUR.format(new Date(one.at))), " ",
      mark(LOOKS[one.event] ?? "unknown", SAID[one.event] ?? one.event), " ", mark(one.finding.severity), " ",
      el("a", { href: `#finding=${one.finding.uid}`, "data-key": `event ${one.seq}` }, one.finding.summary),
      one.suppression ? ` (was suppressed by ${one.suppression.owner}: ${one.suppression.reason})` : ""))));
}
