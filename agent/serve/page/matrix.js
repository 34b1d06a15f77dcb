// Required domains by zones, and the road of one of them, hop by hop.
import { get } from "./api.js";
import { $, el, percent, word } from "./dom.js";

export function answer(cells) {
  if (!cells.length) return "This gateway has not been audited yet.";
  const zones = [...new Set(cells.map((one) => one.zone))];
  return zones.map((zone) => {
    const all = cells.filter((one) => one.zone === zone && one.verdict !== "not-routed");
    const passed = all.filter((one) => one.verdict === "allowed").length;
    const from = zone === "host" ? "this host itself" : zone;
    return `${passed} of ${all.length} required domains can pass from ${from}`;
  }).join("; ") + ".";
}

export function draw(cells) {
  const zones = [...new Set(cells.map((one) => one.zone))];
  const domains = [...new Set(cells.map((one) => one.domain))];
  const at = new Map(cells.map((one) => [JSON.stringify([one.domain, one.zone]), one]));
  const cell = (domain, zone) => {
    const one = at.get(JSON.stringify([domain, zone]));
    if (!one) return el("td", {}, "–");
    const part = one.verdict === "partial" && one.coverage !== null
      ? ` (${percent(one.coverage)} of addresses pass)` : "";
    return el("td", {}, el("button", { class: one.verdict, type: "button",
      "aria-label": `${domain} from ${zone}: ${word(one.verdict)}${part}; show the road`,
      onclick: () => road(domain, zone) }, word(one.verdict) + part));
  };
  return el("table", {}, el("caption", {}, "Required domains, by the zone that asks for them"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Domain"),
      zones.map((zone) => el("th", { scope: "col" }, `from ${zone}`)))),
    el("tbody", {}, domains.map((domain) => el("tr", {}, el("th", { scope: "row" }, domain),
      zones.map((zone) => cell(domain, zone))))));
}

async function road(domain, zone) {
  $("road-title").textContent = `${domain} from ${zone}`;
  $("hops").replaceChildren(el("p", {}, "Loading…"));
  $("road").showModal();
  try {
    const told = await get(`/v1/domains/${encodeURIComponent(domain)}/explain`);
    const found = told.zones.find((one) => one.zone === zone);
    $("hops").replaceChildren(...(found ? found.roads.flatMap(toldRoad) : [el("p", {}, "Nothing is known of it.")]));
  } catch (error) {
    $("hops").replaceChildren(el("p", {}, error.message));
  }
}

function toldRoad(one) {
  return [
    el("h3", {}, `${one.name}: `, el("span", { class: `word ${one.verdict}` }, word(one.verdict))),
    el("p", {}, one.because),
    el("ol", {}, one.hops.map((hop) => el("li", {}, el("strong", {}, hop.stage), `: ${hop.text}`,
      hop.sources.map((source) => el("pre", {}, el("code", {}, source.text),
        `\n${place(source)}`))))),
  ];
}

export function place(source) {
  const parts = [source.artifact, source.table, source.chain].filter(Boolean);
  if (source.line) parts.push(`line ${source.line}`);
  if (source.handle) parts.push(`handle ${source.handle}`);
  return parts.join(", ");
}
