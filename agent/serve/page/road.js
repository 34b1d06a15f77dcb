// The road of one domain from one zone, hop by hop, with the rule that decides.
import { get } from "./api.js";
import { $, el, from, mark, rule } from "./dom.js";

const STOPS = ["blocked", "partial"];
let wanted = 0;
let ask = () => {};
let opener = null;

export function listen(findings) {
  ask = findings;
  $("road").addEventListener("close", () => {
    // what opened it may have been drawn anew meanwhile
    const back = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === opener);
    back?.focus();
  });
  $("road").addEventListener("click", (event) => { if (event.target === $("road")) $("road").close(); });
}

export async function open(domain, zone, key) {
  const turn = wanted += 1;
  opener = key;
  $("road-title").textContent = `${domain} ${from(zone)}`;
  tell(["Loading…"]);
  $("road-findings").onclick = () => { opener = null; $("road").close(); ask({ zone, text: domain }); };
  if (!$("road").open) $("road").showModal();
  let shown = [["Nothing is known of it."], []];
  try {
    const [told, { verdicts }] = await Promise.all([get(`/v1/domains/${encodeURIComponent(domain)}/explain`), get("/v1/verdicts")]);
    const found = told.zones.find((one) => one.zone === zone);
    // what a pack only prefers does not count, and comes last
    const counts = new Set(verdicts.filter((one) => one.required && one.domain === domain && one.zone === zone)
      .map((one) => `${one.port} IPv${one.family} ${one.road}`));
    if (found) shown = [[mark(found.verdict), " over all that is required."], draw(found, counts)];
  } catch (error) {
    shown = [[`The road cannot be shown: ${error.message}.`], []];
  }
  if (turn === wanted) tell(...shown);  // else somebody has opened another one
}

function tell(state, roads = []) {
  $("road-state").replaceChildren(...state);
  $("hops").replaceChildren(...roads);
}

// The hop that decides: the first that stops it; else the first that is not known; else the last that has a rule.
export function decider(one) {
  const { hops, verdict } = one;
  if (STOPS.includes(verdict)) return hops.find((hop) => STOPS.includes(hop.verdict));
  if (verdict !== "allowed") return hops.find((hop) => hop.verdict === verdict);
  return hops.findLast((hop) => hop.sources.length);
}

// Roads of ports and families that say the same are told once.
export function alike(roads) {
  const same = Map.groupBy(roads, ({ name, ...rest }) => JSON.stringify(rest));
  return [...same.values()].map((found) => ({ ...found[0], names: found.map((one) => one.name) }));
}

function draw(found, counts) {
  const routed = found.roads.filter((one) => one.verdict !== "not-routed");
  const away = alike(found.roads.filter((one) => one.verdict === "not-routed"));
  const rank = (one) => (one.required ? 0 : 9) + ["blocked", "partial", "unknown", "allowed"].indexOf(one.verdict);
  const told = alike(routed.map((one) => ({ ...one, required: counts.has(one.name) }))).sort((one, other) => rank(one) - rank(other));
  return [
    ...told.map(drawn),
    ...away.map((one) => el("p", { class: "note" }, mark("not-routed"), ` ${one.names.join(", ")}: ${one.because}`)),
  ];
}

function drawn(one, at) {
  const deciding = decider(one);
  return el("details", { class: "way", ...(at === 0 || STOPS.includes(one.verdict) ? { open: "" } : {}) },
    el("summary", {}, el("h3", {}, one.names.join(", ")), " ", mark(one.verdict), one.required ? null : " preferred only"),
    deciding?.text === one.because ? null : el("p", {}, one.because),
    el("ol", { class: "hops" }, one.hops.map((hop) => el("li", { class: hop === deciding ? "decides" : null },
      el("strong", {}, hop.stage), " ", mark(hop.verdict),
      hop === deciding ? el("span", { class: "deciding" }, one.verdict === "allowed" ? "lets it pass" : "decides") : null,
      el("p", {}, hop.text), hop.sources.map(rule)))));
}
