// Findings, those that are wanted. What is wanted stands in the address, so that a view can be shared.
import { get } from "./api.js";
import { $, count, el, redraw } from "./dom.js";
import { detail } from "./finding.js";

const RANK = ["critical", "high", "medium", "low", "info"];
const NAMES = ["severity", "status", "source", "zone", "text"];
const STEP = 100;
const made = new Map();
let all = null;
let others = [];
let linked = null;
let revealed = null;
let loaded = false;
let room = STEP;

const resolved = () => $("filters").elements.status.value === "resolved";

export async function load() {
  loaded = resolved();
  return (await get(loaded ? "/v1/findings?status=resolved" : "/v1/findings")).findings;
}

export function show(findings) {
  if (findings === all) return;
  all = findings;
  offer(all.map((one) => one.zone));
  draw();
}

// A zone of a shared view is offered even where nothing is found there now.
function offer(zones) {
  const select = $("filters").elements.zone;
  const chosen = select.value;
  const names = [...new Set([...zones, chosen].filter(Boolean))].sort();
  select.replaceChildren(el("option", { value: "" }, "all"), ...names.map((zone) => el("option", {}, zone)));
  select.value = chosen;
}

export function listen(reload) {
  const form = $("filters");
  const changed = () => { room = STEP; linked = null; remember(); draw(); };
  form.addEventListener("input", () => { changed(); if (resolved() !== loaded) reload(); });
  form.addEventListener("reset", () => setTimeout(() => form.dispatchEvent(new Event("input"))));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { follow(); reload(); });
  follow();
}

// Shows the findings that these words ask for, and goes there.
export function ask(words) {
  const fields = $("filters").elements;
  for (const name of NAMES) fill(fields[name], words[name] ?? "");
  $("filters").dispatchEvent(new Event("input"));
  go("findings");
}

export function go(id) {
  $(id).scrollIntoView();
  $(id).focus({ preventScroll: true });
}

function fill(field, value) {
  if (field.name === "zone" && value && ![...field.options].some((one) => one.value === value)) field.append(el("option", {}, value));
  field.value = value;
  if (field.value !== value) field.value = "";
}

// Takes what is wanted from the address.
export function follow() {
  const text = location.hash.slice(1);
  linked = revealed = null;
  if (!text.includes("=")) return;
  const words = new URLSearchParams(text);
  for (const name of NAMES) fill($("filters").elements[name], words.get(name) ?? "");
  linked = words.get("finding");
  if (linked !== null && !/^[0-9a-f]{32}$/.test(linked)) linked = null;
  if (all) draw();
}

function remember() {
  const words = new URLSearchParams();
  for (const name of NAMES) if ($("filters").elements[name].value) words.set(name, $("filters").elements[name].value);
  history.replaceState(null, "", words.size ? `#${words}` : location.pathname);
}

// A link to a finding that is not among those shown, as it is resolved.
export async function fetchLinked() {
  const uid = linked;
  if (!uid || !all || [...all, ...others].some((one) => one.uid === uid)) return;
  try {
    others = [await get(`/v1/findings/${uid}`)];
  } catch {
    $("count").textContent = "The finding that was linked is not known here any more.";
    linked = null;
    return;
  }
  draw();
}

function wanted(one) {
  const { severity, status, source, zone, text } = $("filters").elements;
  const words = [one.summary, one.rule.id, one.rule.title, one.subject.name, one.pack ?? "", one.uid, ...one.locus.map((place) => place.text)];
  return (!severity.value || one.severity === severity.value) && (!status.value || one.status === status.value)
    && (!source.value || one.source === source.value) && (!zone.value || one.zone === zone.value)
    && (!text.value || words.join("\n").toLowerCase().includes(text.value.toLowerCase()));
}

function draw() {
  if (!all) return;
  const found = all.filter(wanted).sort((one, other) => RANK.indexOf(one.severity) - RANK.indexOf(other.severity));
  const first = linked ? [...all, ...others].find((one) => one.uid === linked) : null;
  const shown = first ? [first, ...found.filter((one) => one !== first)] : found;
  $("count").textContent = all.length ? `${found.length} of ${count(all.length, "finding")}`
    : $("filters").elements.status.value ? "No such finding." : "Nothing to act on.";
  const rest = shown.length - room;
  redraw($("list"), [...shown.slice(0, room).map(element),
    ...(rest > 0 ? [el("button", { type: "button", "data-key": "more", onclick: () => { room += STEP; draw(); } },
      `Show ${Math.min(rest, STEP)} more of ${rest}`)] : [])]);
  for (const uid of made.keys()) if (!shown.some((one) => one.uid === uid)) made.delete(uid);
  if (first) reveal(first.uid);
}

// The same finding keeps its element: whoever reads it is not disturbed.
function element(one) {
  const text = JSON.stringify(one);
  const before = made.get(one.uid);
  if (before?.text === text) return before.node;
  const node = detail(one);
  node.open = before?.node.open ?? false;
  made.set(one.uid, { text, node });
  return node;
}

function reveal(uid) {
  if (revealed === uid) return;
  revealed = uid;
  const { node } = made.get(uid);
  node.open = true;
  node.scrollIntoView({ block: "start" });
  node.querySelector("summary").focus({ preventScroll: true });
}
