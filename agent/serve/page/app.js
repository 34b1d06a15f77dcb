// The page: asks the API again every half minute while somebody looks at it.
import { Refused, get, useToken } from "./api.js";
import { $, ago } from "./dom.js";
import * as findings from "./findings.js";
import * as health from "./health.js";
import * as matrix from "./matrix.js";
import * as past from "./past.js";

const EVERY = 30e3;
let last = null;

async function refresh() {
  if (document.hidden || $("login").open) return;
  try {
    const [standing, found, ready] = await Promise.all([get("/v1/standing"), get("/v1/findings"), get("/readyz")]);
    $("host").textContent = standing.host ? standing.host.name : "";
    document.title = standing.host ? `${standing.host.name} – gateproof` : "gateproof";
    $("answer").textContent = matrix.answer(standing.cells);
    keepFocus("matrix", () => $("matrix").replaceChildren(...(standing.cells.length ? [matrix.draw(standing.cells)] : [])));
    findings.show(found.findings);
    $("events").replaceChildren(await past.changes(standing));
    $("plot").replaceChildren(await past.coverage());
    $("checks").replaceChildren(...health.draw(standing, ready));
    last = Date.now();
    $("state").textContent = standing.at ? `Audited ${ago(standing.at)}.` : "Never audited.";
    document.body.dataset.state = "shown";
  } catch (error) {
    if (error instanceof Refused) {
      $("state").textContent = "A token is needed.";
      if (!$("login").open) $("login").showModal();
      return;
    }
    $("state").textContent = last === null ? `The gateway does not answer: ${error.message}`
      : `The gateway does not answer (${error.message}); this is from ${ago(new Date(last).toISOString())}.`;
  }
}

// what was focused is made anew: whoever uses the keyboard must not fall back to the top
function keepFocus(id, work) {
  const held = $(id).contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  work();
  if (held) [...$(id).querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === held)?.focus();
}

$("token-form").addEventListener("submit", () => {
  useToken($("token").value.trim());
  $("token").value = "";
  setTimeout(refresh);
});
document.addEventListener("visibilitychange", refresh);
findings.listen();
setInterval(refresh, EVERY);
refresh();
