"""The page in Chromium when there is nothing, nobody, or something new; and its functions alone."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from agent.model.vocabulary import Reach
from agent.store import Store
from tests.serve.browsing import CHROMIUM, CONTRAST, NAMELESS, fill, fill_made_up, keep, looking, shown
from tests.serve.running import ROOT, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium: packaging/test --install-peers")
ALLOWED = ((Reach.ALLOWED, 1.0),)
BLOCKED = ((Reach.BLOCKED, 0.0),)
NOT_READY = ("status of 503",)
"""What Chromium says of /readyz before the first audit."""
HIDDEN = "Object.defineProperty(document, 'hidden', { get: () => sessionStorage.getItem('hidden') === 'yes' });"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield one
        one.close()


def says(page: Any, place: str, words: str) -> None:
    sync_api.expect(page.locator(place)).to_contain_text(words, timeout=20_000)


def eventually(page: Any, condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never happened")


def token(folder: Path) -> str:
    argv = (sys.executable, "-P", "-m", "agent", "token", "create", "--name", "page", "--scope", "findings")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    whole = (*argv, "--expires", "1d", "--state-dir", str(folder))
    return subprocess.run(whole, capture_output=True, text=True, check=True, env=environment).stdout.split()[-1]


def test_it_says_that_there_was_no_audit_yet(browser: Any, tmp_path: Path) -> None:
    Store(tmp_path).close()
    with serving(tmp_path) as running, looking(browser, running, provoked=NOT_READY) as page:
        shown(page)
        assert page.inner_text("#answer") == "Not known: this gateway has never been audited."
        assert page.inner_text("#state").startswith("Never audited, read at")
        assert "gateproof run --once" in page.inner_text("#matrix")
        assert page.inner_text("#count") == "Nothing to act on."
        assert page.inner_text("#events") == "Nothing has changed in the last 24 hours."
        says(page, "#chart", "Nothing is known of addresses in this time.")
        says(page, "#checks", "audit: the host was never audited")
        keep(page, "never")


def test_it_says_that_all_is_well(browser: Any, tmp_path: Path) -> None:
    fill_made_up(tmp_path, ["*.example.com"], ["lan0", "lan1"], courses=ALLOWED)
    with serving(tmp_path) as running, looking(browser, running) as page:
        shown(page)
        assert page.inner_text("#answer") == "Yes: everything required can be reached, from every zone."
        assert page.inner_text("#count") == "Nothing to act on."
        says(page, "#checks", "well")
        page.get_by_label("Show only domains that do not pass everywhere").check()
        assert page.inner_text("#matrix") == "Nothing: all of it passes."
        keep(page, "well", whole=True)


def test_what_was_well_long_ago_is_not_known_to_be_so(browser: Any, tmp_path: Path) -> None:
    fill_made_up(tmp_path, ["*.example.com"], ["lan0", "lan1"], courses=ALLOWED, hours=30)
    with serving(tmp_path) as running, looking(browser, running, provoked=("503",)) as page:
        shown(page)
        said = page.inner_text("#answer")
        assert said.startswith("Not known any more: the last audit is of ")
        assert said.endswith(". It said: Yes: everything required can be reached, from every zone.")
        assert page.locator("#answer").get_attribute("class") == "unknown"


def test_it_says_that_there_is_no_store(browser: Any, tmp_path: Path) -> None:
    with serving(tmp_path) as running, looking(browser, running, provoked=("503",)) as page:
        says(page, "#trouble", "The gateway does not answer")
        assert page.locator("body").get_attribute("data-state") == "trouble"


def test_it_keeps_what_it_knows_when_the_gateway_is_gone(browser: Any, tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path) as running, looking(browser, running, provoked=("ERR_CONNECTION_REFUSED",)) as page:
        shown(page)
        assert not page.locator("#trouble").is_visible()
        running.process.terminate()
        running.process.wait(20)
        page.get_by_role("button", name="Refresh").click()
        says(page, "#trouble", "The gateway does not answer: no connection. What you see is from")
        assert page.get_by_role("alert").first.is_visible()
        assert page.locator("#matrix button").count() == 18
        assert page.inner_text("#answer").startswith("Not known now. It said: No: ")
        page.get_by_role("button", name="Refresh").click()
        assert page.inner_text("#answer").count("Not known now") == 1
        keep(page, "gone")


def test_packs_that_want_the_same_domain_are_told_apart(browser: Any, tmp_path: Path) -> None:
    fill_made_up(tmp_path, ["*.example.com"], ["lan0", "lan1"], courses=ALLOWED)
    with serving(tmp_path) as running, looking(browser, running) as page:
        shown(page)

        def two(route: Any) -> None:
            told = route.fetch().json()
            others = [{**one, "pack": "other", "verdict": "blocked", "coverage": 0.0} for one in told["cells"][:1]]
            route.fulfill(json={**told, "cells": told["cells"] + others})

        page.route("**/v1/standing", two)
        page.reload()
        shown(page)
        assert page.locator("#matrix tr.pack th[scope=rowgroup]").all_inner_texts() == ["Made up", "other"]
        assert page.locator("#matrix td").all_inner_texts() == ["allowed", "allowed", "blocked", "not required"]
        assert page.inner_text("#answer") == "No: not all of it from lan0."


def test_a_part_that_fails_takes_no_other_with_it(browser: Any, tmp_path: Path) -> None:
    fill_made_up(tmp_path, ["*.example.com"], ["lan0"])
    with (
        serving(tmp_path) as running,
        looking(browser, running, provoked=("status of 500",)) as page,
    ):
        problem = {"detail": "the disk is full"}
        shown(page)
        page.route("**/v1/history*", lambda route: route.fulfill(status=500, json=problem))
        page.reload()
        shown(page)
        says(page, "#trouble", "A part of this page is missing or old: history: the disk is full.")
        assert page.locator("#matrix button").count() == 1
        assert page.inner_text("#health table")
        page.unroute("**/v1/history*")
        page.get_by_role("button", name="Refresh").click()
        page.wait_for_selector("#chart svg")
        assert not page.locator("#trouble").is_visible()


def test_it_asks_for_a_token_and_keeps_it_out_of_the_address(browser: Any, tmp_path: Path) -> None:
    fill(tmp_path)
    right = token(tmp_path)
    with serving(tmp_path) as running, looking(browser, running, provoked=("401",)) as page:
        dialog = page.get_by_role("dialog", name="This gateway wants a token")
        dialog.wait_for()
        assert page.inner_text("#answer") == "Not known. A token is needed."
        assert page.evaluate("document.activeElement.id") == "token"
        assert page.evaluate(NAMELESS) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Enter a token").click()
        page.get_by_label("Token", exact=True).fill("wrong")
        page.keyboard.press("Enter")
        says(page, "#login-why", "This one is refused")
        assert page.evaluate(CONTRAST)[0] >= 4.5
        keep(page, "refused")
        page.get_by_label("Token", exact=True).fill(right)
        page.keyboard.press("Enter")
        shown(page)
        assert page.inner_text("#count") == "18 of 18 findings"
        assert right not in page.url
        assert page.evaluate("[localStorage.length, document.cookie, sessionStorage.getItem('token')]") == [
            0,
            "",
            right,
        ]
        page.reload()
        shown(page)
        page.get_by_role("button", name="Forget the token").click()
        dialog.wait_for()
        assert page.evaluate("sessionStorage.length") == 0


def test_what_has_not_changed_is_not_sent_again_and_disturbs_nobody(browser: Any, tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path) as running, looking(browser, running) as page:
        shown(page)
        page.locator("#list details").nth(1).locator("summary").first.click()
        page.locator("#list details").nth(1).get_by_role("button", name="Show the road").focus()
        page.evaluate("getSelection().selectAllChildren(document.querySelector('#list details[open] p'))")
        before = page.evaluate("[document.activeElement.textContent, getSelection().toString()]")
        answers: dict[str, int] = {}
        page.on(
            "response", lambda one: answers.__setitem__(one.url.removeprefix(running.url).split("?")[0], one.status)
        )
        for _ in range(2):  # the first goes on after the events that were read
            answers.clear()
            page.evaluate("document.getElementById('refresh').click()")
            eventually(page, lambda: len(answers) == 6)
        assert {path: status for path, status in answers.items() if status != 200} == dict.fromkeys(
            ("/v1/findings", "/v1/events", "/v1/scans"), 304
        )
        assert page.evaluate("[document.activeElement.textContent, getSelection().toString()]") == before


def test_a_new_audit_is_told_and_leaves_the_focus(browser: Any, tmp_path: Path) -> None:
    fill_made_up(tmp_path, ["*.example.com", "*.example.org"], ["lan0", "lan1"], courses=BLOCKED)
    with serving(tmp_path) as running, looking(browser, running, viewport={"width": 320, "height": 640}) as page:
        shown(page)
        page.evaluate("document.querySelector('#matrix .wide').scrollLeft = 30")
        cell = page.get_by_role("button", name="*.example.org from lan1")
        cell.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#hops ol")
        fill_made_up(tmp_path, ["*.example.com", "*.example.org"], ["lan0", "lan1"], courses=ALLOWED)
        page.evaluate("document.getElementById('refresh').click()")
        says(page, "#live", "Yes: everything required can be reached")
        assert page.evaluate("document.querySelector('#matrix .wide').scrollLeft") > 0
        page.keyboard.press("Escape")
        focused = "(document.activeElement.getAttribute('aria-label') ?? '')"
        page.wait_for_function(f"{focused}.startsWith('*.example.org from lan1: allowed')")
        says(page, "#events", "4 resolved")
        says(page, ".turns", "blocked became allowed from lan1: *.example.com, *.example.org")


def test_it_asks_each_half_minute_while_somebody_looks(browser: Any, tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path) as running, looking(browser, running, where="", init=HIDDEN) as page:
        page.clock.install()
        page.goto(running.url)
        shown(page)
        asked: list[str] = []
        page.on("request", lambda one: asked.extend((one.url,) if "/v1/standing" in one.url else ()))
        page.clock.run_for(31_000)
        eventually(page, lambda: len(asked) == 1)
        page.evaluate("sessionStorage.setItem('hidden', 'yes')")
        page.clock.run_for(120_000)
        page.wait_for_timeout(500)
        assert len(asked) == 1, "nobody looks"
        page.evaluate("sessionStorage.removeItem('hidden'); document.dispatchEvent(new Event('visibilitychange'))")
        eventually(page, lambda: len(asked) == 2)


@pytest.fixture(scope="module")
def empty(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A page, for its functions."""
    folder = tmp_path_factory.mktemp("empty")
    Store(folder).close()
    with serving(folder) as running, looking(browser, running, provoked=NOT_READY) as page:
        yield shown(page)


def call(page: Any, file: str, name: str, *arguments: Any) -> Any:
    script = "async ([file, name, given]) => (await import(`/page/${file}`))[name](...given)"
    return page.evaluate(script, [file, name, list(arguments)])


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50.0 %"),
        (0.0003717341793604969, "0.037 %"),
        (0.999433547917165, "99.943 %"),
        (0.999996, "99.99960 %"),
        (1 - 1e-9, "more than 99.9999 %"),
        (1e-9, "less than 0.0001 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(empty: Any, share: float, said: str) -> None:
    assert call(empty, "dom.js", "percent", share) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3, "just now"),
        (60, "60 seconds ago"),
        (120, "2 minutes ago"),
        (7200, "2 hours ago"),
        (172800, "2 days ago"),
        (-259200, "in 3 days"),
    ],
)
def test_times_are_told_from_now(empty: Any, seconds: int, said: str) -> None:
    now = 1_790_000_000_000
    stamp = empty.evaluate("(at) => new Date(at).toISOString()", now - 1000 * seconds)
    assert call(empty, "dom.js", "ago", stamp, now) == said


def stood(domain: str, since: int, until: int | None, share: float | None, verdict: str = "partial") -> dict[str, Any]:
    times = [f"1970-01-01T00:00:{at:02}Z" if at is not None else None for at in (since, until)]
    row = {"pack": "p", "domain": domain, "zone": "lan0", "verdict": verdict, "coverage": share}
    return {**row, "since": times[0], "until": times[1]}


def test_lines_of_the_plot_are_alike_only_at_all_times(empty: Any) -> None:
    rows = [
        *(stood("a", 0, 10, 0.5), stood("a", 10, None, 1.0)),
        *(stood("b", 0, 10, 0.5), stood("b", 10, None, 1.0)),
        *(stood("c", 0, 20, 0.5), stood("c", 20, None, 1.0)),
        *(stood("d", 0, 5, 0.5), stood("d", 8, None, 0.5)),
        *(stood("e", 2, 6, 0.5), stood("e", 6, None, 0.5, "blocked")),
        *(stood("f", 0, 4, 0.1), stood("g", 0, None, None)),
    ]
    found = call(empty, "plot.js", "lines", rows, 5000, 30_000)
    assert [([name["domain"] for name in one["names"]], one["steps"]) for one in found] == [
        (["d"], [[8000, 30_000, 0.5]]),
        (["e"], [[5000, 30_000, 0.5]]),
        (["a", "b"], [[5000, 10_000, 0.5], [10_000, 30_000, 1.0]]),
        (["c"], [[5000, 20_000, 0.5], [20_000, 30_000, 1.0]]),
    ]


def test_what_turned_is_told_together(empty: Any) -> None:
    rows = [
        *(stood("a", 0, 10, 1.0, "allowed"), stood("a", 10, 20, 0.5), stood("a", 20, None, 1.0, "allowed")),
        *(stood("b", 0, 10, 1.0, "allowed"), stood("b", 10, None, 0.5)),
        stood("c", 10, None, 0.5),
    ]
    found = call(empty, "changes.js", "turned", {"verdicts": rows}, 5000)
    assert [(one["before"]["verdict"], one["after"]["verdict"], one["domains"]) for one in found] == [
        ("partial", "allowed", ["a"]),
        ("allowed", "partial", ["a", "b"]),
    ]


@pytest.mark.parametrize(
    ("verdict", "hops", "deciding"),
    [
        ("blocked", [("names", "allowed"), ("filter", "partial"), ("squid", "blocked")], "filter"),
        ("unknown", [("names", "allowed"), ("filter", "unknown"), ("squid", "unknown")], "filter"),
        ("allowed", [("names", "allowed"), ("filter", "allowed")], "filter"),
        ("not-routed", [("names", "allowed"), ("filter", "not-routed")], "filter"),
    ],
)
def test_the_hop_that_decides(empty: Any, verdict: str, hops: list[tuple[str, str]], deciding: str) -> None:
    told = [{"stage": stage, "verdict": one, "text": "", "sources": [{}]} for stage, one in hops]
    assert call(empty, "road.js", "decider", {"verdict": verdict, "hops": told})["stage"] == deciding


def test_roads_that_say_the_same_are_told_once(empty: Any) -> None:
    roads = [
        {"name": name, "verdict": verdict} for name, verdict in (("a", "allowed"), ("b", "blocked"), ("c", "allowed"))
    ]
    assert [one["names"] for one in call(empty, "road.js", "alike", roads)] == [["a", "c"], ["b"]]


def test_the_running_server_allows_nothing_else(empty: Any) -> None:
    answer = empty.request.get(empty.url)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert not {"unsafe-inline", "unsafe-eval", "*", "http:", "https:", "data:"} & set(
        policy.replace("'", "").replace(";", "").split()
    )
