"""Chromium over a running server, and stores for it to look at."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import Settings
from agent.daemon import Plan, judged
from agent.model.explanation import Explanation, Hop, RoadTold
from agent.model.report import PolicyOut, Report, Scan, SourceOut, Verdict
from agent.model.source import Source
from agent.model.standing import AUDIT, Check
from agent.model.suppression import Entry
from agent.model.vocabulary import Reach
from agent.packs import find_packs, select
from agent.snapshot import load
from agent.store import Store
from tests.serve.running import ROOT
from tests.store.test_lifecycle import HOST, finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.serve.running import Running

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "<img src=x onerror=alert(1)>"
OWNER = "ops@example.com"
SOON = 20_000
"""Milliseconds in which a test gives up."""


def fill(folder: Path, *gateways: tuple[str, int], trouble: str = "") -> None:
    """Audits of recorded gateways, as if of one host, each so many hours ago; one of the findings is suppressed."""
    now = datetime.now(UTC)
    packs = tuple(replace(one, checked=now.date()) for one in select(find_packs(Path("/nonexistent")), ()))
    held = Entry(
        owner=OWNER, reason="new switch in January", expires=now + timedelta(days=3), rule="quic-dropped-not-rejected"
    )
    with Store(folder) as store:
        for name, hours in gateways or (("egress-allow-list", 3), ("egress-allow-list", 0)):
            at = now - timedelta(hours=hours)
            snapshot = load(ROOT / "tests" / "gateways" / name)
            audited = judged(Plan(Settings(), packs, (held,)), snapshot, at, None, {})
            checks = [Check(name=AUDIT, attempted=at, succeeded=at, duration=0.4)]
            if trouble:
                checks.append(Check(name="collect:squid", attempted=at, trouble=trouble, unknown={"denied": 1}))
            store.record(audited.report, at, checks=checks, explanations=audited.explanations)


COURSES = ((Reach.ALLOWED, 1.0), (Reach.PARTIAL, 0.25), (Reach.BLOCKED, 0.0))


def fill_made_up(
    folder: Path,
    domains: Sequence[str],
    zones: Sequence[str],
    words: str = "",
    *,
    courses: Sequence[tuple[Reach, float]] = COURSES,
    hours: int = 0,
) -> None:
    """One audit of these domains from these zones, which stand in turn like these; all words of others are these.

    It was so many hours ago.
    """
    now = datetime.now(UTC) - timedelta(hours=hours)
    verdicts, told, found = [], [], []
    for number, (domain, zone) in enumerate((domain, zone) for domain in domains for zone in zones):
        reach, share = courses[number % len(courses)]
        because = f"{words} handle {number}"
        verdicts.append(
            Verdict(
                pack="made-up",
                domain=domain,
                zone=zone,
                road="direct",
                port="tcp/443",
                family=4,
                verdict=reach,
                coverage=share,
                because=because,
            )
        )
        hop = Hop(
            f"packet filter {words}", reach.value, because, (Source(f"nft.json{words}", f"drop {words}", handle=7),)
        )
        told.append(
            Explanation(domain, zone, (RoadTold("tcp/443 IPv4 direct", reach.value, because, (hop,)),), reach.value)
        )
        if reach is not Reach.ALLOWED:
            one = finding(f"{domain} {zone}", now, summary=f"{words} {domain} stops in {zone}"[:200])
            rule = replace(one.rule, title=f"t {words}", manual=f"m {words}")
            remedy = replace(one.remedy, text=f"do {words}", commands=[f"nft {words}"], tool=words)
            locus = [SourceOut(artifact=f"nft.json{words}", text=f"drop {words}", chain=words, handle=7)]
            found.append(
                replace(one, rule=rule, remedy=remedy, locus=locus, zone=zone, references=[f"javascript:{words}"])
            )
    policy = [PolicyOut(name="made-up", title=f"Made up {words}", checked="2026-11-01", domains=list(domains))]
    report = Report(
        host=replace(HOST, name=f"edge-1 {words}"),
        scan=Scan(at=now, artifacts={"nft.json": "ok"}),
        policy=policy,
        verdicts=verdicts,
        findings=found,
        gaps=[],
    )
    checks = [Check(name=AUDIT, attempted=now, succeeded=now, duration=0.4, trouble=words)]
    with Store(folder) as store:
        store.record(report, now, checks=checks, explanations=told)


@contextmanager
def looking(
    browser: Any, running: Running, where: str = "/", init: str = "", provoked: Sequence[str] = (), **options: Any
) -> Iterator[Any]:
    """A page that loads nothing from elsewhere and has no error but those that a test provoked, whatever it does."""
    faults: list[str] = []
    context = browser.new_context(**options)
    try:
        page = context.new_page()
        page.set_default_timeout(SOON)
        page.on("console", lambda said: faults.extend((said.text,) if said.type in {"error", "warning"} else ()))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.on("request", lambda one: faults.extend(() if one.url.startswith(running.url) else (one.url,)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (one) => console.error(`policy: ${one.violatedDirective}`));"
            + init
        )
        page.goto(f"{running.url}{where}")
        yield page
        keep(page, os.environ.get("PYTEST_CURRENT_TEST", "page").split("::")[-1])
    finally:
        context.close()
    assert [one for one in faults if not any(word in one for word in provoked)] == []


def keep(page: Any, name: str, *, whole: bool = False) -> None:
    """Make a screenshot for whoever wants to look, of what is to be seen or of the whole page."""
    if folder := os.environ.get("GATEPROOF_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{re.sub(r'[^a-z0-9-]+', '-', name)}.png", full_page=whole)


def shown(page: Any) -> Any:
    """The same page, when it has drawn what it was told."""
    page.wait_for_selector("body[data-state=shown]")
    return page


def open_all(page: Any) -> None:
    """Unfold everything; what is inside a finding is drawn when it is unfolded."""
    for place in ("details", "#list details details"):
        page.wait_for_selector(place, state="attached")
        page.eval_on_selector_all(place, "(all) => all.forEach((one) => { one.open = true; })")


CONTRAST = """() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const back = parts(getComputedStyle(at).backgroundColor);
      if (back.length < 4 || back[3] > 0) return back;
    }
    return [255, 255, 255];
  };
  let worst = [99, ""];
  for (const one of document.querySelectorAll("body *")) {
    const text = [...one.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!text || !one.checkVisibility() || one.closest(".skip, title, desc, noscript")) continue;
    const style = getComputedStyle(one);
    const [fore, back] = [light(parts(one.closest("svg") ? style.fill : style.color)), light(behind(one))];
    const ratio = (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
    if (ratio < worst[0]) worst = [ratio, one.outerHTML.slice(0, 120)];
  }
  return worst;
}"""
"""Gives the worst contrast of a text with what lies behind it (WCAG 2.2, 1.4.3), and whose it is."""
NAMELESS = """() => [...document.querySelectorAll("button, input, select, a, summary, [tabindex='0'], [role=img], dialog[open]")]
  .filter((one) => one.checkVisibility() && !(one.innerText?.trim() || one.getAttribute("aria-label") || one.labels?.length
    || document.getElementById(one.getAttribute("aria-labelledby")?.split(" ")[0])?.textContent))
  .map((one) => one.outerHTML.slice(0, 120))"""
"""Gives the controls that a screen reader has no name for."""
