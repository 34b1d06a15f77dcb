"""The page in Chromium: what it says, by mouse and by keyboard, and what it never does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.serve.browsing import (
    CHROMIUM,
    CONTRAST,
    HOSTILE,
    NAMELESS,
    OWNER,
    fill,
    fill_made_up,
    keep,
    looking,
    open_all,
    shown,
)
from tests.serve.running import ROOT, Running, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium: packaging/test --install-peers")
PAGE = ROOT / "agent" / "serve" / "page"
CELL = re.compile(r"^\*\.livechat\.com from lan1: partly blocked, 99\.943 % of addresses pass")
RULE = 'iifname "lan1" ip daddr 23.32.0.0/11 drop'
FOCUSED = "document.activeElement.getAttribute('aria-label') ?? ''"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("page")
    fill(
        folder,
        ("transparent-squid", 50),
        ("egress-allow-list", 3),
        ("egress-allow-list", 0),
        trouble="squid.conf: denied",
    )
    with serving(folder) as one:
        yield one


def test_it_says_what_can_be_reached(browser: Any, running: Running) -> None:
    with looking(browser, running) as page:
        shown(page)
        assert page.inner_text("#answer") == "No: 2 of 3 zones cannot reach all of it."
        assert page.title() == "edge-1 - gateproof"
        zones = page.locator("#zones li").all_inner_texts()
        assert [re.sub(r"\s+", " ", one) for one in zones] == [
            "from this host 6 of 6 can be reached",
            "from lan0 0 of 6 can be reached: 6 partly blocked",
            "from lan1 0 of 6 can be reached: 6 partly blocked",
        ]
        table = page.get_by_role("table", name="Required domains by zone")
        assert table.locator("thead th[scope=col]").all_inner_texts() == [
            "Domain",
            "from this host",
            "from lan0",
            "from lan1",
        ]
        assert table.locator("tbody th[scope=row]").count() == 6
        words = [one.split("\n")[0] for one in table.locator("tbody button").all_inner_texts()]
        assert words == ["allowed", "partly blocked", "partly blocked"] * 6
        assert "0.037 % pass" in table.inner_text()
        page.get_by_label("Show only domains that do not pass everywhere").check()
        assert table.locator("tbody tr").count() == 6
        assert "14 high" in page.inner_text("#glance")
        assert "1 suppressed" in page.inner_text("#glance")


def test_a_cell_opens_the_road_with_the_rule_that_decides(browser: Any, running: Running) -> None:
    with looking(browser, running) as page:
        shown(page).get_by_role("button", name=CELL).click()
        page.wait_for_selector("#hops ol")
        assert page.get_by_role("dialog", name="*.livechat.com from lan1").is_visible()
        deciding = page.locator("#hops .way").first.locator(".decides")
        assert deciding.count() == 1
        assert deciding.locator("code").inner_text() == RULE
        assert deciding.locator("figcaption").inner_text() == "nft.json, inet filter, forward, handle 15"
        assert deciding.locator("strong").inner_text() == "packet filter"
        ways = page.locator("#hops .way summary").all_inner_texts()
        assert ways[0] == "tcp/443 IPv4 direct, tcp/80 IPv4 direct partly blocked", "what is required comes first"
        assert ways[-1] == "udp/443 IPv4 direct partly blocked preferred only"
        assert page.locator("#road-state[role=status]").inner_text() == "partly blocked over all that is required."
        assert "no IPv6 route to the internet" in page.inner_text("#hops")
        ratio, worst = page.evaluate(CONTRAST)
        assert ratio >= 4.5, worst
        assert page.evaluate(NAMELESS) == []
        keep(page, "road")
        page.get_by_role("button", name="Show its findings").click()
        assert not page.locator("#road").is_visible()
        assert page.inner_text("#count") == "1 of 18 findings"
        assert page.url.endswith("#zone=lan1&text=*.livechat.com")


def test_the_keyboard_alone_is_enough(browser: Any, running: Running) -> None:
    with looking(browser, running) as page:
        shown(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To what can be reached"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "reach"
        for _ in range(12):
            page.keyboard.press("Tab")
            if "show the road" in page.evaluate(FOCUSED):
                break
        assert page.evaluate(FOCUSED).startswith("*.chatbot.com from this host: allowed")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        for key, name in (("ArrowRight", "lan0"), ("ArrowRight", "lan1"), ("ArrowRight", "lan1"), ("ArrowUp", "lan1")):
            page.keyboard.press(key)
            assert page.evaluate(FOCUSED).startswith(f"*.chatbot.com from {name}: partly blocked")
        for _ in range(4):
            page.keyboard.press("ArrowDown")
        assert CELL.match(page.evaluate(FOCUSED))
        page.keyboard.press("Enter")
        page.wait_for_selector("#hops ol")
        assert page.evaluate("document.activeElement.closest('dialog').id") == "road"
        page.keyboard.press("Escape")
        assert not page.locator("#road").is_visible()
        assert CELL.match(page.evaluate(FOCUSED))


def test_findings_are_filtered_and_a_view_is_shared(browser: Any, running: Running) -> None:
    with looking(browser, running) as page:
        shown(page)
        assert page.inner_text("#count") == "18 of 18 findings"
        page.get_by_label("Severity").select_option("low")
        assert page.inner_text("#count") == "2 of 18 findings"
        assert page.url.endswith("#severity=low")
        page.reload()
        assert shown(page).inner_text("#count") == "2 of 18 findings"
        page.get_by_role("link", name="Coverage").click()
        assert page.url.endswith("#severity=low"), "going to a part loses no view"
        page.get_by_role("button", name="Show all").click()
        sync_api.expect(page.locator("#count")).to_have_text("18 of 18 findings")
        assert "#" not in page.url
        for label, value, count in (("Zone", "lan1", 8), ("Status", "suppressed", 1), ("Told by", "observed", 0)):
            page.get_by_role("combobox", name=label).select_option(value)
            assert page.inner_text("#count") == f"{count} of 18 findings"
            page.get_by_role("combobox", name=label).select_option("")
        page.get_by_label("Text").fill("@PARTNERS")
        assert page.inner_text("#count") == "7 of 18 findings"
        page.get_by_label("Text").fill("")
        page.get_by_label("Status").select_option("resolved")
        sync_api.expect(page.locator("#count")).to_have_text("7 of 7 findings")
        assert "resolved" in page.locator("#list summary").first.inner_text()
    with looking(browser, running, "/#zone=dmz&severity=high") as page:
        assert shown(page).inner_text("#count") == "0 of 18 findings", "a zone that is not there is not forgotten"


def test_a_finding_says_what_to_do_and_who_lives_with_it(browser: Any, running: Running) -> None:
    with looking(browser, running, permissions=["clipboard-read", "clipboard-write"]) as page:
        one = shown(page).locator("#list details", has_text="*.livechat.com is partly blocked from lan1").first
        one.locator("summary").first.click()
        one.get_by_text("What to do").wait_for()
        text = one.inner_text()
        for words in ("What to do", "Remove the rule", RULE, "First seen", "Last seen", "2 audits", "Why it matters"):
            assert words in text
        one.get_by_role("button", name="Copy the command").click()
        one.get_by_text("Copied.").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == "nft delete rule inet filter forward handle 15"
        one.get_by_role("button", name="Show the road from lan1").click()
        page.wait_for_selector("#hops ol")
        page.keyboard.press("Escape")
        page.wait_for_function("document.activeElement.textContent === 'Show the road from lan1'")
        held = page.locator("#list details", has_text="HTTP/3 (udp/443) is dropped in silence").first
        held.locator("summary").first.click()
        held.get_by_text("What to do").wait_for()
        assert f"suppressed by {OWNER} until" in held.inner_text()
        assert "new switch in January" in held.inner_text()
        keep(page, "finding")


def test_commands_are_selected_where_they_cannot_be_copied(browser: Any, running: Running) -> None:
    with looking(browser, running, init="Object.defineProperty(navigator, 'clipboard', { value: undefined });") as page:
        one = shown(page).locator("#list details", has_text="*.livechat.com is partly blocked from lan1").first
        one.locator("summary").first.click()
        one.get_by_role("button", name="Copy the command").click()
        one.get_by_text("Selected").wait_for()
        assert page.evaluate("getSelection().toString()") == "nft delete rule inet filter forward handle 15"


def test_a_link_leads_to_its_finding(browser: Any, running: Running) -> None:
    with looking(browser, running) as page:
        shown(page).get_by_label("Severity").select_option("low")
        page.locator("#events summary").first.click()
        link = page.locator("#events a", has_text="*.livechat.com is partly blocked from lan1")
        uid = link.get_attribute("href").removeprefix("#finding=")
        link.click()
        page.wait_for_selector(f"#finding-{uid}[open]")
        assert page.url.endswith(f"#finding={uid}")
        assert page.evaluate("document.activeElement.parentElement.id") == f"finding-{uid}"
        assert page.inner_text("#count") == "18 of 18 findings"
        gone = page.locator("#events a", has_text="*.livechat.com cannot be judged").first.get_attribute("href")
    with looking(browser, running, f"/{gone}") as page:
        page.wait_for_selector("#list details[open]")
        assert "resolved" in page.locator("#list details[open] summary").first.inner_text()
    with looking(browser, running, f"/#finding={'0' * 31}x") as page:
        assert shown(page).locator("#list details[open]").count() == 0


def test_the_past_is_told_and_drawn(browser: Any, running: Running) -> None:
    with looking(browser, running) as page:
        shown(page)
        turns = [re.sub(r"^.*(AM|PM)\s", "", one) for one in page.locator(".turns li").all_inner_texts()]
        assert turns[0] == "blocked became partly blocked, 0.037 % from lan0: *.chatbot.com"
        hour = page.locator("#events .hour").first
        assert re.search(r"24 changes: 7 resolved, 17 opened|25 changes", hour.locator("summary").inner_text())
        page.wait_for_selector("#chart svg[role=img] title", state="attached")
        assert "from lan1: 99.943 % now" in page.locator("#chart svg desc").text_content()
        assert page.locator("#chart > svg path").count() == page.locator("#chart .legend li").count() == 3
        page.get_by_text("The same as a table").click()
        assert page.get_by_role("table", name="Each share, and when it stood").locator("tbody tr").count() > 18
        page.get_by_role("combobox", name="Over").select_option("1")
        sync_api.expect(page.locator("#chart title")).to_have_text(re.compile("over 1 day$"))
        assert page.locator("#plot-table").get_attribute("open") is not None, "what was opened stays so"


def test_the_agents_health_is_told(browser: Any, running: Running) -> None:
    with looking(browser, running) as page:
        shown(page)
        told = page.inner_text("#health")
        for words in (
            "squid cannot be read: squid.conf: denied",
            f"the suppression of {OWNER} for rule quic-dropped-not-rejected",
        ):
            assert words in told
        checks = page.get_by_role("table", name="What is done again and again").locator("tbody tr").all_inner_texts()
        assert [one.split("\t")[:2] for one in checks] == [
            ["audit", "just now"],
            ["collect:squid", "never"],
        ] or "ago" in checks[0]
        assert page.get_by_role("table", name="The last audits").locator("tbody tr").count() == 3
        assert "LiveChat" in told
        assert "2 things to look at" in page.inner_text("#glance")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280, 3840])
def test_it_can_be_read(browser: Any, running: Running, scheme: str, width: int) -> None:
    with looking(browser, running, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        shown(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        keep(page, f"whole-{width}-{scheme}", whole=True)
        open_all(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        ratio, worst = page.evaluate(CONTRAST)
        assert ratio >= 4.5, worst
        assert page.evaluate(NAMELESS) == []
        told = page.locator("body").aria_snapshot()
        for words in (
            'heading "Is everything required reachable?"',
            'navigation "Parts of this page"',
            "- main:",
            "- banner:",
        ):
            assert words in told


def test_a_fleet_of_domains_and_zones_stays_usable(browser: Any, tmp_path: Any) -> None:
    domains = [f"*.service-{number:02}.example" for number in range(60)]
    fill_made_up(tmp_path, domains, [f"vlan{number}" for number in range(12)])
    with serving(tmp_path) as running, looking(browser, running, viewport={"width": 1024, "height": 768}) as page:
        shown(page)
        assert page.locator("#matrix button").count() == 720
        assert page.locator("#list details").count() == 100
        page.get_by_role("button", name="Show 100 more of 380").click()
        assert page.locator("#list details").count() == 200
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        far = page.get_by_role("button", name="*.service-59.example from vlan11:")
        far.scroll_into_view_if_needed()
        box = page.locator("#matrix .wide").bounding_box()
        column = page.locator("#matrix thead th", has_text="from vlan11").bounding_box()
        row = page.locator("#matrix tbody th", has_text="service-59").bounding_box()
        assert abs(column["y"] - box["y"]) < 3, "the names of zones stay"
        assert abs(row["x"] - box["x"]) < 3, "the names of domains stay"
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
        page.locator("#matrix").scroll_into_view_if_needed()
        keep(page, "fleet")


def test_hostile_words_are_shown_as_text(browser: Any, tmp_path: Any) -> None:
    fill_made_up(tmp_path, ["*.example.com", "*.example.org"], [HOSTILE, "lan0"], HOSTILE)
    with serving(tmp_path) as running, looking(browser, running) as page:
        shown(page)
        for part in ("#host", "#zones", "#matrix", "#list", "#events", "#chart .legend", "#checks"):
            assert HOSTILE in page.locator(part).first.text_content(), part
        open_all(page)
        page.get_by_role("button", name=f"*.example.org from {HOSTILE}").first.click()
        page.wait_for_selector("#hops ol")
        assert HOSTILE in page.inner_text("#hops code")
        assert page.locator("img, a[href^=javascript]").count() == 0


def test_what_comes_from_outside_is_never_markup() -> None:
    for file in PAGE.glob("*.js"):
        text = file.read_text()
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "http://",
            "https://",
            "DOMParser",
        ):
            assert word not in text.replace('"http://www.w3.org/2000/svg"', ""), (file.name, word)
        assert len(text.splitlines()) <= 300
    html = (PAGE / "index.html").read_text()
    assert "style=" not in html
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|<style", html)
