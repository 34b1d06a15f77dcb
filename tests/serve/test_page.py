"""The page in Chromium: what it says, by mouse and by keyboard, and what it never does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.config import Settings
from agent.daemon import Plan, judged
from agent.model.standing import AUDIT, Check
from agent.packs import find_packs, select
from agent.snapshot import load
from agent.store import Store
from tests.serve.running import ROOT, Running, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium: packaging/test --install-peers")
PAGE = ROOT / "agent" / "serve" / "page"
HOSTILE = "<img src=x onerror=alert(1)>"
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
    if (!text || !one.checkVisibility() || one.closest(".skip, svg, noscript")) continue;
    const [fore, back] = [light(parts(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
    if (ratio < worst[0]) worst = [ratio, one.outerHTML.slice(0, 120)];
  }
  return worst;
}"""


def fill(folder: Path) -> None:
    """Two audits of a recorded gateway; one of its rules has a hostile comment."""
    packs = select(find_packs(Path("/nonexistent")), ())
    snapshot = load(ROOT / "tests" / "gateways" / "egress-allow-list")
    with Store(folder) as store:
        for hours in (3, 0):
            at = datetime.now(UTC) - timedelta(hours=hours)
            audited = judged(Plan(Settings(), packs), snapshot, at, None, {})
            report = audited.report
            first, *rest = report.findings
            if not hours:
                report = replace(report, findings=[replace(first, summary=f"{HOSTILE} {first.summary[:100]}"), *rest])
            checks = [Check(name=AUDIT, attempted=at, succeeded=at, duration=0.4)]
            store.record(report, at, checks=checks, explanations=audited.explanations)


@contextmanager
def looking(running: Running, **options: Any) -> Iterator[Any]:
    """A page that loads nothing from elsewhere and has no error, whatever a test does with it."""
    faults: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        try:
            page = browser.new_page(**options)
            page.on("console", lambda said: faults.extend((said.text,) if said.type in {"error", "warning"} else ()))
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("dialog", lambda dialog: faults.append(dialog.message))
            page.on("request", lambda one: faults.extend(() if one.url.startswith(running.url) else (one.url,)))
            page.goto(running.url)
            yield page
            if folder := os.environ.get("GATEPROOF_SCREENSHOTS"):
                name = re.sub(r"\W+", "-", os.environ.get("PYTEST_CURRENT_TEST", "page").split("::")[-1])
                page.screenshot(path=f"{folder}/{name}.png", full_page=True)
        finally:
            browser.close()
    assert [one for one in faults if "401" not in one] == []


def shown(page: Any) -> Any:
    page.wait_for_selector("body[data-state=shown]", timeout=20_000)
    return page


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("page")
    fill(folder)
    with serving(folder) as one:
        yield one


def test_it_says_what_can_be_reached_and_shows_the_road(running: Running) -> None:
    with looking(running) as page:
        shown(page)
        assert "6 of 6 required domains can pass from this host itself" in page.inner_text("#answer")
        assert "0 of 6 required domains can pass from lan0" in page.inner_text("#answer")
        rows = page.locator("#matrix tbody tr")
        assert rows.count() == 6
        cell = page.get_by_role("button", name=re.compile(r"^\*\.livechat\.com from lan1: partly blocked"))
        cell.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#hops ol")
        assert 'iifname "lan1" ip daddr 23.32.0.0/11 drop' in page.inner_text("#hops")
        assert "handle 15" in page.inner_text("#hops")
        page.keyboard.press("Escape")
        assert not page.locator("#road").is_visible()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("*.livechat.com from lan1")


def test_findings_are_filtered_linked_and_copied(running: Running) -> None:
    with looking(running) as page:
        shown(page)
        assert page.inner_text("#count") == "17 of 17 findings"
        assert HOSTILE in page.inner_text("#list"), "what is foreign is text"
        page.select_option("select[name=severity]", "low")
        assert page.inner_text("#count") == "1 of 17 findings"
        assert page.url.endswith("#severity=low")
        page.reload()
        shown(page)
        assert page.inner_text("#count") == "1 of 17 findings"
        page.select_option("select[name=severity]", "")
        page.fill("input[name=text]", "@partners")
        assert re.fullmatch(r"\d of 17 findings", page.inner_text("#count"))
        page.fill("input[name=text]", "")
        one = page.locator("#list details").first
        one.locator("summary").click()
        assert "What to do" in one.inner_text()
        page.goto(f"{running.url}/#finding={one.get_attribute('id').removeprefix('finding-')}")
        page.reload()
        assert shown(page).locator("#list details[open]").count() == 1


def test_the_past_and_the_agent_are_told(running: Running) -> None:
    with looking(running) as page:
        shown(page)
        assert page.locator("#events tbody tr").count() == 18
        assert "opened" in page.inner_text("#events")
        assert "from lan0" in page.locator("#plot svg desc").text_content()
        assert page.locator("#plot path").count() == 3
        assert "audit" in page.inner_text("#checks")
        assert "LiveChat" in page.inner_text("#checks")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_can_be_read(running: Running, scheme: str, width: int) -> None:
    with looking(running, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        shown(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        ratio, worst = page.evaluate(CONTRAST)
        assert ratio >= 4.5, worst
        named = page.evaluate(
            "[...document.querySelectorAll('button, input, select, a')].filter((one) => one.checkVisibility() &&"
            " !(one.innerText || one.getAttribute('aria-label') || one.labels?.length)).map((one) => one.outerHTML)"
        )
        assert named == []


def test_it_asks_for_a_token_and_keeps_it_out_of_the_address(tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path) as running:
        argv = (sys.executable, "-P", "-m", "agent", "token", "create", "--name", "page", "--scope", "findings")
        made = subprocess.run(
            (*argv, "--expires", "1d", "--state-dir", str(tmp_path)),
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        token = made.stdout.split()[-1]
        with looking(running) as page:
            page.wait_for_timeout(2500)  # tokens are looked at every second or two
            page.reload()
            page.wait_for_selector("#login[open]", timeout=20_000)
            assert "17" not in page.inner_text("#count")
            page.fill("#token", token)
            page.keyboard.press("Enter")
            shown(page)
            assert token not in page.url
            assert page.inner_text("#count") == "17 of 17 findings"


def test_what_comes_from_outside_is_never_markup() -> None:
    for file in PAGE.glob("*.js"):
        text = file.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "http://", "https://"):
            assert word not in text.replace('"http://www.w3.org/2000/svg"', ""), (file.name, word)
    html = (PAGE / "index.html").read_text()
    assert "style=" not in html
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=", html)
