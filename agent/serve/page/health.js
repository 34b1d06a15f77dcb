// How the agent itself is.
import { ago, el, table, when } from "./dom.js";

export function draw(standing, ready) {
  const parts = [];
  if (ready.reasons.length) {
    parts.push(el("ul", {}, ready.reasons.map((one) => el("li", {}, el("span", { class: "word blocked" }, one.check), ` ${one.reason}`))));
  }
  parts.push(el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Checks" },
    table("What is done again and again", ["Check", "Last success", "Took", "Trouble"], standing.checks.map((one) => [
      one.name, one.succeeded ? ago(one.succeeded) : "never",
      one.duration === null ? "–" : `${one.duration.toFixed(2)} s`,
      one.trouble || Object.entries(one.unknown).map(([why, count]) => `${count} ${why}`).join(", ") || "none"]))));
  if (standing.suppressions.length) {
    parts.push(el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Suppressions" },
      table("Decisions to live with findings", ["Scope", "Owner", "Reason", "Until", "State", "Findings"],
        standing.suppressions.map((one) => [Object.entries(one.scope).map(([name, value]) => `${name} ${value}`).join(", "),
          one.owner, one.reason, when(one.expires), one.state, String(one.findings)]))));
  }
  const packs = standing.packs.map((one) => `${one.title} (checked ${one.checked})`).join(", ") || "none";
  const kept = standing.kept;
  parts.push(el("p", {}, `Packs: ${packs}. Store: ${(kept.size / 1048576).toFixed(1)} MiB, ${kept.events} events, `
    + `${kept.errors} times it could not be written.`));
  return parts;
}
