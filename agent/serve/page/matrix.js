// Is everything required reachable? The answer, by zone, and for each domain from each zone.
import { $, captioned, count, el, from, redraw, share, wide, word } from "./dom.js";
import * as road from "./road.js";

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const routed = (cells) => cells.filter((one) => one.verdict !== "not-routed");
const order = new Intl.Collator([], { numeric: true });
const byZone = (cells) => new Map([...Map.groupBy(cells, (one) => one.zone)].sort(([one], [other]) => order.compare(one, other)));
let all = [];
let drawn = null;
let titles = new Map();

// What was true at the last audit need not be true now.
function answer(standing, ready) {
  const [kind, said] = audited(standing);
  if (!standing.at || !ready || ready.ready) return [kind, said];
  return ["unknown", `Not known any more: ${ready.reasons[0]?.reason ?? "the API is not ready"}. It said: ${said}`];
}

function audited(standing) {
  const { cells } = standing;
  if (!standing.at) return ["unknown", "Not known: this gateway has never been audited."];
  if (!routed(cells).length) return ["unknown", "Nothing is required: no pack of domains was audited."];
  const zones = [...byZone(routed(cells))];
  const failing = zones.filter(([, found]) => found.some((one) => ["blocked", "partial"].includes(one.verdict)));
  if (failing.length === 1 && zones.length > 1) return ["blocked", `No: not all of it ${from(failing[0][0])}.`];
  if (failing.length) return ["blocked", `No: ${failing.length} of ${count(zones.length, "zone")} cannot reach all of it.`];
  const doubtful = zones.filter(([, found]) => found.some((one) => one.verdict !== "allowed"));
  if (doubtful.length) return ["unknown", `Not known ${from(doubtful[0][0])}${doubtful.length > 1 ? ` and ${doubtful.length - 1} more` : ""}.`];
  return ["allowed", "Yes: everything required can be reached, from every zone."];
}

export function show(standing, ready) {
  const [kind, said] = answer(standing, ready);
  const headline = $("answer");
  headline.className = kind;
  headline.textContent = said;
  const text = JSON.stringify([standing.at === null, standing.cells, standing.packs]);
  if (text === drawn) return;
  drawn = text;
  all = standing.cells;
  titles = new Map(standing.packs.map((one) => [one.name, one.title]));
  $("zones").replaceChildren(...[...byZone(all)].map(([zone, cells]) => summed(zone, cells)));
  $("only-label").hidden = $("hint").hidden = !all.length;
  if (all.length) draw();
  else redraw($("matrix"), [el("p", { class: "note" }, "Audits are made by ", el("code", {}, "gateproof run"),
    "; one alone by ", el("code", {}, "gateproof run --once"), ".")]);
}

function summed(zone, cells) {
  const counted = routed(cells);
  const passed = counted.filter((one) => one.verdict === "allowed").length;
  const others = ["blocked", "partial", "unknown"].map((verdict) => [verdict, counted.filter((one) => one.verdict === verdict).length])
    .filter(([, number]) => number);
  const kind = others.length ? others[0][0] : passed ? "allowed" : "not-routed";
  return el("li", { class: kind }, el("strong", {}, from(zone)), " ",
    counted.length ? `${passed} of ${counted.length} can be reached` : "has no way out",
    others.length ? `: ${others.map(([verdict, number]) => `${number} ${word(verdict)}`).join(", ")}` : "");
}

function draw() {
  const zones = [...byZone(all).keys()];
  const at = new Map(all.map((one) => [JSON.stringify([one.pack, one.domain, one.zone]), one]));
  const packs = [...Map.groupBy(all, (one) => one.pack)].map(([pack, cells]) => {
    const rows = [...Map.groupBy(cells, (one) => one.domain)]
      .filter(([, found]) => !$("only").checked || routed(found).some((one) => one.verdict !== "allowed"));
    return [pack, rows.map(([domain]) => domain)];
  }).filter(([, domains]) => domains.length);
  const head = el("tr", {}, el("th", { scope: "col" }, "Domain"), zones.map((zone) => el("th", { scope: "col" }, from(zone))));
  const bodies = packs.map(([pack, domains]) => el("tbody", {},
    packs.length > 1 ? el("tr", { class: "pack" }, el("th", { scope: "rowgroup", colspan: zones.length + 1 }, titles.get(pack) ?? pack)) : null,
    domains.map((domain) => el("tr", {}, el("th", { scope: "row" }, breakable(domain)),
      zones.map((zone) => cell(at.get(JSON.stringify([pack, domain, zone]))))))));
  redraw($("matrix"), packs.length ? [wide("Required domains by zone", el("table", { class: "matrix" },
    captioned("Required domains by zone"),
    el("thead", {}, head), bodies))] : [el("p", {}, "Nothing: all of it passes.")]);
}

// A name that is too long for a phone breaks after its dots and hyphens.
const breakable = (domain) => domain.split(/(?<=[.-])/).flatMap((part, at) => (at ? [el("wbr"), part] : [part]));

function cell(one) {
  if (!one) return el("td", {}, el("span", { class: "none" }, "not required"));
  const part = share(one) && `${share(one)} of addresses pass`;
  return el("td", { class: one.verdict }, el("button", {
    type: "button", "aria-haspopup": "dialog", "data-key": JSON.stringify([one.pack, one.domain, one.zone]),
    "aria-label": `${one.domain} ${from(one.zone)}: ${word(one.verdict)}${part ? `, ${part}` : ""}; show the road`,
    onclick: (event) => road.open(one.domain, one.zone, event.currentTarget.dataset.key),
  }, word(one.verdict), part ? el("small", {}, `${share(one)} pass`) : null));
}

// Nobody answers any more.
export function lose() {
  const headline = $("answer");
  if (headline.className === "unknown") return;
  headline.className = "unknown";
  headline.textContent = `Not known now. It said: ${headline.textContent}`;
}

export function listen() {
  $("only").addEventListener("change", draw);
  $("matrix").addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    const here = event.target.closest("td");
    if (!move || !here || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const rows = [...$("matrix").querySelectorAll("tbody tr:not(.pack)")];
    const row = rows[rows.indexOf(here.parentElement) + move[0]];
    row?.cells[here.cellIndex + move[1]]?.querySelector("button")?.focus();
  });
}
