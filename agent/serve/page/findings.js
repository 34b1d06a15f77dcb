// Findings, those that are wanted, with what to do about them.
import { $, el, when } from "./dom.js";
import { place } from "./matrix.js";

const RANK = ["critical", "high", "medium", "low", "info"];
const NAMES = ["severity", "status", "zone", "text"];
let all = [];

export function show(findings) {
  all = [...findings].sort((one, other) => RANK.indexOf(one.severity) - RANK.indexOf(other.severity));
  const zones = [...new Set(all.map((one) => one.zone).filter(Boolean))].sort();
  const select = $("filters").elements.zone;
  const chosen = select.value || asked().zone || "";
  select.replaceChildren(el("option", { value: "" }, "all"), ...zones.map((zone) => el("option", {}, zone)));
  select.value = zones.includes(chosen) ? chosen : "";
  draw();
}

export function listen() {
  const form = $("filters");
  for (const name of NAMES) if (asked()[name]) form.elements[name].value = asked()[name];
  form.addEventListener("input", () => { remember(); draw(); });
  form.addEventListener("submit", (event) => event.preventDefault());
}

function asked() {
  const text = location.hash.slice(1);
  return text.includes("=") ? Object.fromEntries(new URLSearchParams(text)) : {};
}

function remember() {
  const words = new URLSearchParams();
  for (const name of NAMES) if ($("filters").elements[name].value) words.set(name, $("filters").elements[name].value);
  history.replaceState(null, "", words.size ? `#${words}` : location.pathname);
}

function wanted(one) {
  const { severity, status, zone, text } = $("filters").elements;
  const words = [one.summary, one.rule.id, one.subject.name, one.uid, ...one.locus.map((source) => source.text)];
  return (!severity.value || one.severity === severity.value) && (!status.value || one.status === status.value)
    && (!zone.value || one.zone === zone.value)
    && (!text.value || words.join("\n").toLowerCase().includes(text.value.toLowerCase()));
}

function draw() {
  const opened = new Set([...$("list").querySelectorAll("details[open]")].map((one) => one.id));
  const linked = asked().finding;
  const found = all.filter(wanted);
  $("count").textContent = all.length ? `${found.length} of ${all.length} findings` : "Nothing to act on.";
  $("list").replaceChildren(...found.map((one) => {
    const made = detail(one);
    made.open = opened.has(made.id) || linked === one.uid;
    return made;
  }));
}

function detail(one) {
  const commands = one.remedy.commands.join("\n");
  const said = el("span", { role: "status" });
  const copy = el("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(commands);
      said.textContent = " copied";
    } catch {
      getSelection().selectAllChildren(copy.previousElementSibling);
      said.textContent = " selected: copy it with the keyboard";
    }
  } }, "Copy");
  const held = one.suppression;
  return el("details", { id: `finding-${one.uid}` },
    el("summary", {}, el("span", { class: `word ${one.severity}` }, one.severity), " ",
      one.status === "suppressed" ? "suppressed: " : "", one.summary),
    el("dl", {},
      row("What to do", one.remedy.text), row("Rule", `${one.rule.id}: ${one.rule.title}`),
      row("Zone", one.zone), row("Stopped at", one.blocked_at.join(", ")),
      row("First seen", when(one.first_seen)), row("Last seen", when(one.last_seen)),
      row("Audits", String(one.count)), one.flaps ? row("Came back", `${one.flaps} times within a day`) : null,
      held ? row("Held back", `by ${held.owner} until ${new Date(held.expires).toLocaleString()}: ${held.reason}`) : null,
      row("Link", el("a", { href: `#finding=${one.uid}` }, one.uid))),
    one.locus.map((source) => el("pre", {}, el("code", {}, source.text), `\n${place(source)}`)),
    commands ? [el("h3", {}, "Commands"), el("pre", {}, el("code", {}, commands)), copy, said] : null,
    one.references.filter((link) => /^https?:/.test(link)).map((link) =>
      el("p", {}, el("a", { href: link, rel: "noreferrer noopener" }, link))));
}

function row(name, value) {
  return value ? [el("dt", {}, name), el("dd", {}, value)] : null;
}
