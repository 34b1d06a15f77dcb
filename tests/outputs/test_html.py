"""The page: whole, inert whatever foreign text says, and readable by everybody."""

from __future__ import annotations

import itertools
import re
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.report import GapOut, PolicyOut, Report, Scan, SourceOut, Verdict
from agent.model.vocabulary import Reach, Severity
from agent.outputs.html_ import render
from agent.outputs.html_.style import STYLE
from agent.outputs.text.layout import CONTROL
from tests.outputs.made import EVERY, FOUND, GATES, NOW, ODD, SOURCES, TEXT, finding, recorded

if TYPE_CHECKING:
    from agent.model.report import Finding
    from tests.outputs.conftest import Scene

VOID = {"meta", "wbr"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'></style></code><a href='javascript:alert(1)'>" + ODD


class Page(HTMLParser):
    """A page as a tree of tags is read; what is not well-formed raises."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(data.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(attribute)) is not None]


def check(data: bytes) -> Page:
    """What holds for every page."""
    page = Page(data)
    kinds = {tag for tag, _ in page.tags}
    assert not kinds & {"script", "img", "link", "iframe", "object", "embed", "form", "input", "base", "svg", "video"}
    assert not {name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"}
    assert not page.values("src")
    ids = page.values("id")
    assert [one for one, times in Counter(ids).items() if times > 1] == []
    for link in page.values("href"):
        assert link.startswith(("https://", "http://")) or link.removeprefix("#") in ids
    assert set(page.values("aria-labelledby")) <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(one.get("scope") in ("row", "col", "rowgroup") for one in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert not CONTROL.search(data.decode().replace("\n", ""))
    return page


def page_of(report: Report) -> Page:
    return check(render(report))


def report_of(*found: Finding, verdicts: list[Verdict] | None = None, gaps: list[GapOut] | None = None) -> Report:
    policy = [PolicyOut(name="pack", title="Pack", checked="2026-11-23", domains=["a.example", "*.b.example"])]
    return Report(
        host=finding().host,
        scan=Scan(at=NOW, artifacts={"nft.json": "ok"}),
        policy=policy,
        verdicts=verdicts or [],
        findings=list(found),
        gaps=gaps or [],
    )


@pytest.mark.parametrize("gate", GATES)
def test_the_page_of_a_recorded_gateway_tells_all_that_matters(gate: str) -> None:
    report = recorded(gate)
    page = page_of(report)
    for one in report.findings:
        assert one.rule.title in page.text
        assert one.subject.name in page.text
        for command in one.remedy.commands:
            assert command in page.text
    assert "&lt;" not in page.text
    assert report.host.name in page.text
    assert f"{report.scan.at:%Y-%m-%d %H:%M} UTC" in page.text
    for pack in report.policy:
        assert pack.title in page.text
    assert render(report) == render(report)


def test_the_matrix_has_a_word_for_every_domain_and_zone(scene: Scene) -> None:
    states = ("allowed", "partial", "blocked", "unknown", "not-routed")
    for at, state in enumerate(states):
        scene.verdict(f"{at}.example", "lan0", state).verdict(f"{at}.example", "host")
    page = page_of(scene.report())
    table = page.text.partition("Required domains by zone")[2].partition("Every road")[0]
    told = re.findall(r"(\d)\.example\W+(allowed|partly blocked|blocked|unknown|not routed)\W+allowed", table)
    words = ("allowed", "partly blocked", "blocked", "unknown", "not routed")
    assert told == [(str(at), word) for at, word in enumerate(words)]
    assert {"scope": "row"} in page.all("th")


def test_a_verdict_links_to_its_finding(partly: Report) -> None:
    page = page_of(partly)
    links = [one for one in page.values("href") if one.startswith("#f-")]
    assert links == [f"#f-{uid}" for uid in (one.uid for one in reversed(partly.findings))]


def test_findings_are_ordered_by_severity() -> None:
    found = [replace(finding(one), uid=f"{at:032x}", zone=f"z{at}") for at, one in enumerate(Severity)]
    page = page_of(report_of(*found))
    classes = [one["class"] for one in page.all("article")]
    assert classes == [f"card {one.value}" for one in reversed(Severity)]


def test_every_kind_of_finding_is_told() -> None:
    found = [replace(one, uid=f"{at:032x}") for at, one in enumerate(EVERY)]
    page = page_of(report_of(*found))
    assert f"{len(found) // 3} findings suppressed" in page.text
    assert f"{len(found) // 3} findings resolved" in page.text
    assert "unknown, not proven" in page.text
    assert "Proven on the model" in page.text
    assert "seen in traffic" in page.text


def test_foreign_text_stays_text() -> None:
    source = SourceOut(artifact=EVIL, text=EVIL)
    verdict = Verdict(
        pack=EVIL,
        domain=EVIL,
        zone=EVIL,
        road=EVIL,
        port=EVIL,
        family=4,
        verdict=Reach.BLOCKED,
        because=EVIL,
        decided_by=[source],
    )
    gap = GapOut(subject=EVIL, reason=EVIL, remedy=EVIL, source=source)
    found = [finding(text=EVIL), replace(finding(text=EVIL, status="suppressed"), uid="f" * 32)]
    report = report_of(*found, verdicts=[verdict], gaps=[gap])
    policy = [PolicyOut(name=EVIL, title=EVIL, checked=EVIL, domains=[EVIL])]
    page = page_of(replace(report, policy=policy, notes=[EVIL]))
    assert page.text.count("<script>alert(1)</script>") > 20
    assert not [link for link in page.values("href") if "script" in link]


def test_only_web_addresses_become_links() -> None:
    links = ["https://example.com/?a=1&b=2", "javascript:alert(1)", "data:text/html,x", " https://example.com", "words"]
    page = page_of(report_of(replace(finding(), references=links)))
    assert [one for one in page.values("href") if not one.startswith("#")] == ["https://example.com/?a=1&b=2"]
    for link in links:
        assert link in page.text


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else(partly: Report) -> None:
    page = page_of(partly)
    (policy,) = (one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f"<style>{STYLE}</style>".encode() in render(partly)
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_many_rules_are_folded_and_an_endless_one_is_cut() -> None:
    rules = [
        SourceOut(artifact="nft.json", table="inet f", chain="c", handle=n, text="1.1.1.1, " * 900) for n in range(9)
    ]
    page = page_of(report_of(replace(finding(), locus=rules)))
    assert "and 4 more rules" in page.text
    assert page.text.count("inet f c handle") == 9
    assert max(map(len, page.words)) == 2000


def test_nothing_asked_and_nothing_found_is_said(scene: Scene) -> None:
    page = page_of(replace(scene.report(), policy=[]))
    assert "No pack names a required domain" in page.text
    assert "Nothing to act on." in page.text
    assert "All that was asked for could be read and understood." in page.text


def test_many_gaps_are_folded_and_all_there(scene: Scene) -> None:
    scene.gaps += [GapOut(subject="nftables", reason=f"statement {n}", remedy="help") for n in range(300)]
    page = page_of(scene.report())
    assert "300 gaps" in page.text
    assert page.text.count("statement ") == 300


def test_a_verdict_that_two_packs_ask_for_stands_under_its_pack(scene: Scene) -> None:
    scene.verdict("a.example", "lan0").verdict("*.b.example", "lan0")
    packs = [
        PolicyOut(name=one, title=one, checked="2026-11-23", domains=[one]) for one in ("a.example", "*.b.example")
    ]
    page = page_of(replace(scene.report(), policy=packs))
    assert len([one for one in page.all("th") if one.get("scope") == "rowgroup"]) == 2


@settings(max_examples=25)
@given(
    st.lists(FOUND, max_size=4, unique_by=lambda one: one.uid),
    st.lists(st.builds(GapOut, subject=TEXT, reason=TEXT, remedy=TEXT, source=st.none() | SOURCES), max_size=3),
    st.lists(
        st.builds(
            Verdict,
            pack=TEXT,
            domain=TEXT,
            zone=TEXT,
            road=TEXT,
            port=TEXT,
            family=st.sampled_from([4, 6]),
            verdict=st.sampled_from(Reach),
            because=TEXT.map("b{}".format),
            decided_by=st.lists(SOURCES, max_size=7),
        ),
        max_size=4,
    ),
)
def test_every_report_is_a_page(found: list[Finding], gaps: list[GapOut], verdicts: list[Verdict]) -> None:
    page_of(report_of(*found, verdicts=verdicts, gaps=gaps))


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of ``#rgb`` or ``#rrggbb``."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(scheme: int) -> None:
    block = re.findall(r":root \{([^}]*)\}", STYLE)[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", block))
    pairs = [(front, back) for front in ("ink", "soft", "link") for back in ("page", "card", "code")]
    pairs += [(one.value, f"{one.value}-back") for one in Reach]
    pairs += [(one.value, "card") for one in Severity]
    for front, back in pairs:
        dark, light = sorted((_luminance(colours[front]), _luminance(colours[back])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)
