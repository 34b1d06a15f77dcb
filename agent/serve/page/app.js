// The page: asks the API again every half minute while somebody looks at it.
import { Refused, get, held, useToken } from "./api.js";
import * as changes from "./changes.js";
import { $, count, el, mark, since, tick } from "./dom.js";
import * as findings from "./findings.js";
import * as health from "./health.js";
import * as matrix from "./matrix.js";
import * as plot from "./plot.js";
import * as road from "./road.js";

const EVERY = 30e3;
const DAY = 864e5;
const HOUR = 36e5;
const RANK = ["critical", "high", "medium", "low", "info"];
let last = null;
let asking = null;
let again = false;
let declined = false;
let said = "";

// One at a time; who asks meanwhile gets another round, as what was wanted may be another thing now.
async function refresh() {
  again = true;
  if (asking || document.hidden) return;
  while (again) {
    again = false;
    asking = round();
    await asking;
  }
  asking = null;
}

async function round() {
  try {
    const standing = await get("/v1/standing");
    const hour = Math.floor((Date.now() - plot.days() * DAY) / HOUR) * HOUR;
    const parts = await settled({
      findings: findings.load(), changes: changes.load(standing), ready: get("/readyz"), scans: get("/v1/scans?limit=10"),
      history: get(`/v1/history?since=${new Date(hour).toISOString()}`),
    });
    draw(standing, parts.done);
    last = Date.now();
    trouble(parts.failed.length ? `A part of this page is missing or old: ${parts.failed.join("; ")}.` : "");
    findings.fetchLinked();
  } catch (error) {
    if (error instanceof Refused) refused(error);
    else {
      trouble(last === null ? `The gateway does not answer: ${error.message}.`
        : `The gateway does not answer: ${error.message}. What you see is from ${new Date(last).toLocaleTimeString()}.`);
      if (last === null) nothing("trouble", "No answer.");
      else matrix.lose();
    }
  }
  $("forget").hidden = !held();
  tick();
}

async function settled(asked) {
  const names = Object.keys(asked);
  const found = await Promise.allSettled(Object.values(asked));
  const refusal = found.find((one) => one.reason instanceof Refused);
  if (refusal) throw refusal.reason;
  const done = Object.fromEntries(found.flatMap((one, at) => (one.status === "fulfilled" ? [[names[at], one.value]] : [])));
  return { done, failed: found.flatMap((one, at) => (one.status === "rejected" ? [`${names[at]}: ${one.reason.message}`] : [])) };
}

function draw(standing, done) {
  const host = standing.host?.name ?? "";
  $("host").textContent = host;
  document.title = host ? `${host} - gateproof` : "gateproof";
  matrix.show(standing, done.ready);
  if (done.findings) findings.show(done.findings);
  if (done.changes) changes.show(done.changes, done.history);
  if (done.history) plot.show(done.history);
  if (done.ready) health.show(standing, done.ready, done.scans?.scans);
  glance(standing, done);
  $("enter").hidden = true;
  state("shown", standing.at ? ["Audited ", since(standing.at)] : "Never audited", `, read at ${new Date().toLocaleTimeString()}`);
  announce($("answer").textContent);
}

function glance(standing, { changes: told, ready }) {
  const open = standing.findings.filter((one) => one.status === "open");
  const sum = (found) => found.reduce((total, one) => total + one.number, 0);
  const severe = RANK.map((name) => [name, sum(open.filter((one) => one.severity === name))]).filter(([, number]) => number);
  const held = sum(standing.findings.filter((one) => one.status === "suppressed"));
  const wrong = ready ? health.troubles(standing, ready).length : null;
  const tile = (id, name, ...what) => el("li", {}, el("a", { href: `#${id}` }, name), " ", what);
  const tiles = [
    tile("findings", "Findings", severe.length ? severe.map(([name, number]) => [mark(name, `${number} ${name}`), " "]) : "none open",
      held ? ` ${held} suppressed` : ""),
    tile("changes", "Since yesterday", told ? (told.events.length ? count(told.events.length, "change") : "nothing changed") : "unknown"),
    tile("health", "Agent", wrong === null ? "unknown" : wrong ? mark("partial", `${count(wrong, "thing")} to look at`) : mark("allowed", "well")),
  ];
  const before = $("glance");
  if (before.textContent !== tiles.map((one) => one.textContent).join("")) before.replaceChildren(...tiles);
}

function state(name, ...text) {
  document.body.dataset.state = name;
  $("state").replaceChildren(...text.flat());
}

// Before anything is known.
function nothing(name, why) {
  state(name, why);
  $("answer").textContent = `Not known. ${why}`;
}

function trouble(text) {
  if ($("trouble").textContent !== text) $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

// Told to screen readers where it is another thing than before, and not every half minute.
function announce(text) {
  if (text === said) return;
  said = text;
  $("live").textContent = text;
}

function refused(error) {
  const shown = held();
  useToken(null);
  if (last === null) nothing("locked", "A token is needed.");
  trouble("");
  $("enter").hidden = false;
  if (shown) $("login-why").textContent = `This one is refused: ${error.message}.`;
  if (!declined && !$("login").open) $("login").showModal();
}

function listen() {
  $("token-form").addEventListener("submit", () => {
    useToken($("token").value.trim());
    $("token").value = "";
    $("login-why").textContent = "";
    declined = false;
    setTimeout(refresh);
  });
  $("later").addEventListener("click", () => $("login").close());
  $("login").addEventListener("close", () => { declined = !held(); });
  $("enter").addEventListener("click", () => { declined = false; $("login").showModal(); });
  $("forget").addEventListener("click", () => { useToken(null); location.reload(); });
  // whoever asks is told again, also what they know
  $("refresh").addEventListener("click", () => { announce(""); refresh(); });
  // parts of the page are gone to without losing the view that stands in the address
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (!link.hash.startsWith("#finding=")) findings.go(link.hash.slice(1));
    else {
      history.pushState(null, "", link.hash);
      findings.follow();
      refresh();
    }
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
}

matrix.listen();
road.listen(findings.ask);
findings.listen(refresh);
plot.listen(refresh);
listen();
setInterval(refresh, EVERY);
refresh();
