// How the agent itself is: what it does again and again, what it cannot read, and what will lapse.
import { $, count, el, list, mark, redraw, since, table, when } from "./dom.js";

const COLLECT = "collect:";
const OLD = 180;
const SHOWN = 10;
const LIMITS = { active: "allowed", expiring: "partial", expired: "blocked" };
let drawn = null;

const age = (day) => Math.floor((Date.now() - new Date(day)) / 864e5);

// What somebody should look at, a sentence each.
export function troubles(standing, ready) {
  const found = ready.reasons.map((one) => `${one.check}: ${one.reason}`);
  if (!ready.ready && !found.length) found.push("the API says that it is not ready");
  for (const one of standing.checks) {
    if (one.trouble && one.name.startsWith(COLLECT)) found.push(`${one.name.slice(COLLECT.length)} cannot be read: ${one.trouble}`);
    else if (one.trouble) found.push(`${one.name}: ${one.trouble}`);
  }
  if (standing.kept.errors) found.push(`the store could not be written ${count(standing.kept.errors, "time")}`);
  for (const one of standing.packs) if (age(one.checked) > OLD) found.push(`the pack ${one.title} was compared with its vendor ${age(one.checked)} days ago`);
  for (const one of standing.suppressions) {
    if (one.state !== "active") found.push(`the suppression of ${one.owner} for ${scope(one)} ${one.state === "expired" ? "has lapsed" : "lapses soon"}`);
  }
  return found;
}

export function show(standing, ready, scans) {
  if (drawn && drawn.every((one, at) => one === [standing, ready, scans][at])) return;
  drawn = [standing, ready, scans];
  const { kept } = standing;
  const found = troubles(standing, ready);
  redraw($("checks"), [
    found.length ? el("ul", { class: "troubles" }, found.map((one) => el("li", {}, mark("partial", "look at"), ` ${one}`)))
      : el("p", {}, mark("allowed", "well"), " Nothing to look at."),
    standing.checks.length ? table("What is done again and again", ["Check", "Last success", "Last tried", "Took", "Could not know", "Trouble"],
      standing.checks.map((one) => [one.name, one.succeeded ? since(one.succeeded) : mark("blocked", "never"), since(one.attempted),
        one.duration === null ? "–" : `${one.duration.toFixed(2)} s`,
        Object.entries(one.unknown).map(([why, number]) => `${number} ${why}`).join(", ") || "–", one.trouble || "none"])) : null,
    standing.suppressions.length ? table("Decisions to live with findings, the next to lapse first", ["Scope", "Owner", "Reason", "Until", "State", "Findings"],
      [...standing.suppressions].sort((one, other) => new Date(one.expires) - new Date(other.expires)).map((one) =>
        [scope(one), one.owner, one.reason, when(one.expires), mark(LIMITS[one.state] ?? "unknown", one.state), String(one.findings)])) : null,
    standing.packs.length ? table("Packs of required domains", ["Pack", "Domains", "Compared with its vendor"],
      standing.packs.map((one) => [one.title, String(one.domains.length), `${one.checked}, ${count(age(one.checked), "day")} ago`])) : null,
    scans?.length ? table("The last audits", ["When", "Took", "Findings", "Opened", "Changed", "Resolved", "Opened again", "Trouble"],
      scans.slice(0, SHOWN).map((one) => [when(one.at), one.duration === null ? "–" : `${one.duration.toFixed(2)} s`,
        ...[one.findings, one.opened, one.changed, one.resolved, one.reopened].map((number) => (number === null ? "–" : String(number))), one.trouble || "none"])) : null,
    list(["Store", `${(kept.size / 1048576).toFixed(1)} MiB, ${count(kept.events, "event")}`],
      ["Ever", `${kept.opened} opened, ${kept.resolved} resolved`],
      ["Host", standing.host ? [standing.host.name, standing.host.os].filter(Boolean).join(", ") : null],
      ["Agent", standing.host ? `gateproof ${standing.host.agent_version}` : null]),
  ].filter(Boolean));
}

const scope = (one) => Object.entries(one.scope).map(([name, value]) => `${name} ${value}`).join(", ");
