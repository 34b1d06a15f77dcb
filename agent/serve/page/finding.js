// One finding: what is wrong, where, and what to do about it.
import { count, el, from, list, mark, rule, table, when } from "./dom.js";
import * as road from "./road.js";

const TOLD = { config: "configuration", observed: "traffic", probe: "probe" };

export function detail(one) {
  const body = el("div", {});
  const made = el("details", { class: "finding", id: `finding-${one.uid}` },
    el("summary", { "data-key": one.uid }, mark(one.severity), " ",
      one.verdict === "unknown" ? [mark("unknown", "not proven"), " "] : null,
      one.status === "open" ? null : [mark("unknown", one.status), " "], one.summary), body);
  made.addEventListener("toggle", () => { if (made.open && !body.firstChild) body.append(...whole(one).flat(Infinity).filter(Boolean)); });
  return made;
}

function whole(one) {
  const { remedy, suppression } = one;
  return [
    el("h3", {}, "What to do"),
    el("p", {}, remedy.text, remedy.proven ? " Proven on the model: it helps, and changes nothing else." : ""),
    remedy.commands.length ? commands(remedy) : null,
    suppression ? el("p", { class: "held" }, mark("unknown", "suppressed"), ` by ${suppression.owner} until `,
      when(suppression.expires), `: ${suppression.reason}`) : null,
    one.locus.length ? [el("h3", {}, "Where"), one.locus.map(rule)] : null,
    el("h3", {}, "About it"),
    list(
      ["Subject", `${one.subject.kind} ${one.subject.name}`], ["Zone", one.zone], ["Pack", one.pack], ["Stopped at", one.blocked_at.join(", ")],
      ["Roads", [...one.road, ...one.port, ...one.family.map((family) => `IPv${family}`)].join(", ")],
      ["Told by", TOLD[one.source] ?? one.source], ["First seen", when(one.first_seen)], ["Last seen", when(one.last_seen)],
      ["Last changed", when(one.last_changed)], ["Resolved", one.resolved_at ? when(one.resolved_at) : null],
      ["Found by", count(one.count, "audit")], ["Came back", one.flaps ? `${count(one.flaps, "time")} within a day` : null],
      ["Rule", `${one.rule.id}: ${one.rule.title}`],
      ["Link", el("a", { href: `#finding=${one.uid}` }, one.uid)],
    ),
    one.subject.kind === "domain" && one.zone ? el("p", {}, el("button", {
      type: "button", "data-key": `road ${one.uid}`, "aria-haspopup": "dialog",
      onclick: (event) => road.open(one.subject.name, one.zone, event.currentTarget.dataset.key),
    }, `Show the road ${from(one.zone)}`)) : null,
    one.rule.manual ? el("details", { class: "inner" }, el("summary", {}, "Why it matters"), one.rule.manual.split("\n\n").map((part) => el("p", {}, part))) : null,
    one.evidence.length ? el("details", { class: "inner" }, el("summary", {}, `Evidence (${one.evidence.length})`),
      table("What speaks for it", ["Kind", "When", "What"], one.evidence.map((part) =>
        [TOLD[part.type] ?? part.type, when(part.at), Object.entries(part.data).map(([name, value]) =>
          `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join("; ")]))) : null,
    one.references.length ? el("ul", {}, one.references.map((link) => el("li", {}, /^https?:\/\//.test(link)
      ? el("a", { href: link, rel: "noreferrer noopener" }, link) : link))) : null,
  ];
}

// Copies where the browser allows it; else selects, so that the keyboard can.
function commands({ commands: lines, tool }) {
  const text = lines.join("\n");
  const shown = el("pre", { tabindex: "0", "aria-label": "Commands" }, el("code", {}, text));
  const said = el("span", { role: "status", class: "note" });
  const copy = el("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(shown);
      said.textContent = "Selected: copy it with the keyboard.";
    }
  } }, count(lines.length, "Copy the command", "Copy the commands").replace(/^\d+ /, ""));
  return [shown, el("p", { class: "tools" }, copy, said, tool ? el("span", { class: "note" }, `for ${tool}`) : null)];
}
