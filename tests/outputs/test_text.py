"""The text for people: the answer first, every domain visible, nothing told twice, nothing that harms a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.explanation import Explanation, Hop, RoadTold
from agent.model.report import GapOut, SourceOut
from agent.model.source import Gap, Source
from agent.outputs import Screen
from agent.outputs.text import explain, render
from agent.outputs.text.layout import BLANK, CONTROL, clean, finish, prose, wrap
from agent.outputs.text.words import listed, model_source, place, rule, without_gaps, without_rules

if TYPE_CHECKING:
    from agent.model.report import Report
    from tests.outputs.conftest import Scene

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def text(report: Report, screen: Screen | None = None) -> str:
    return render(report, screen).decode()


def test_the_whole_page(partly: Report) -> None:
    assert (
        text(partly)
        == """\
0 of 3 required domains can pass from lan0; 3 only in part.
3 of 3 required domains can pass from this host.
gw1 (Debian GNU/Linux 12), 2026-11-23 03:00 UTC, against LiveChat (pack livechat, checked 2026-11-23)

DOMAIN             ZONE  VERDICT         WHAT STOPS IT                                     WHERE
*.livechat.com     lan0  partly blocked  0.06 % of public IPv4 (23.32.0.0/11) is dropped   inet filter forward handle 42
*.livechatinc.com  lan0  partly blocked
*.chatbot.com      lan0  partly blocked

*.livechat.com     host  allowed
*.livechatinc.com  host  allowed
*.chatbot.com      host  allowed

IPv6 was not judged from lan0: no IPv6 route to the internet.
udp/443, preferred but not required, is blocked from lan0: all of public IPv4 is dropped.

3 findings

high      A required domain is partly blocked  required-domain-partly-blocked
          3 domains: partly blocked from lan0: 0.06 % of public IPv4 is dropped
          *.livechat.com  *.livechatinc.com  *.chatbot.com
          rule  inet filter forward handle 42: ip daddr 23.32.0.0/11 drop
          do    Remove the rule for these domains.
                nft delete rule inet filter forward handle 42
"""
    )


def test_nothing_to_act_on_is_said_in_words(scene: Scene) -> None:
    report = scene.verdict("a.example", "lan0").verdict("a.example", "host").report()
    assert text(report).startswith("1 of 1 required domain can pass from lan0 and from this host.\n")
    assert "WHAT STOPS IT" not in text(report)
    assert text(report).endswith("\nNothing to act on.\n")


def test_no_pack_is_not_called_fine(scene: Scene) -> None:
    assert text(scene.report()).startswith("Nothing was asked: no pack names a required domain.\n")


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        (("blocked", "blocked"), "0 of 1 required domain can pass from lan0; 1 not at all."),
        (("allowed", "blocked"), "0 of 1 required domain can pass from lan0; 1 only in part."),
        (("allowed", "unknown"), "0 of 1 required domain can pass from lan0; 1 unknown."),
        (("unknown", "blocked"), "0 of 1 required domain can pass from lan0; 1 only in part."),
        (("allowed", "not-routed"), "1 of 1 required domain can pass from lan0."),
        (("not-routed", "not-routed"), "None of 1 required domain has a road to the internet from lan0."),
    ],
)
def test_one_word_for_two_families(scene: Scene, states: tuple[str, str], sentence: str) -> None:
    for family, state in zip((4, 6), states, strict=True):
        scene.verdict("a.example", "lan0", state, family=family)
    assert text(scene.report()).splitlines()[0] == sentence


def test_the_best_of_two_roads_counts(scene: Scene) -> None:
    scene.verdict("a.example", "host", "blocked").verdict("a.example", "host", road="proxy:10.0.0.1:3128")
    assert text(scene.report()).startswith("1 of 1 required domain can pass from this host.")


def test_a_preferred_port_does_not_count(scene: Scene) -> None:
    scene.verdict("a.example", "lan0").verdict("a.example", "lan0", "blocked", port="udp/443", required=False)
    assert text(scene.report()).startswith("1 of 1 required domain can pass from lan0.")


def test_only_the_ports_that_are_stopped_are_named(scene: Scene, drop: SourceOut) -> None:
    scene.verdict("a.example", "lan0")
    scene.verdict("a.example", "lan0", "blocked", port="tcp/80", because="all of it is dropped", decided_by=[drop])
    assert "tcp/80: all of it is dropped" in text(scene.report())


def test_another_road_than_the_direct_one_is_named(scene: Scene) -> None:
    scene.verdict("a.example", "host", "blocked", road="proxy:10.0.0.1:3128", because="nobody listens")
    assert "proxy 10.0.0.1:3128: nobody listens" in text(scene.report())


def test_domains_that_fare_differently_have_their_own_reasons(scene: Scene, drop: SourceOut) -> None:
    for domain in ("a.example", "b.example"):
        scene.verdict(domain, "lan0", "blocked", because=f"{domain} is dropped", decided_by=[drop])
    table = text(scene.report())
    assert re.search(r"a\.example +lan0 +blocked +a\.example is dropped", table)
    assert re.search(r"b\.example +lan0 +blocked +b\.example is dropped", table)


def test_a_narrow_screen_puts_the_reason_below(partly: Report) -> None:
    page = text(partly, Screen(70, colour=False))
    assert "WHAT STOPS IT" not in page
    assert "    0.06 % of public IPv4 (23.32.0.0/11) is dropped; inet filter\n" in page
    long = [line for line in page.splitlines() if len(line) > 70]
    assert not [line for line in long if "handle 42" not in line]  # rules stay whole


def test_colours_change_no_character(partly: Report) -> None:
    painted = text(partly, Screen(120))
    assert "\x1b[" in painted
    assert ESCAPE.sub("", painted) == text(partly)


def test_a_terminal_without_colours_gets_none(partly: Report) -> None:
    assert "\x1b" not in text(partly, Screen(120, colour=False))


def test_foreign_text_cannot_steer_the_terminal(scene: Scene) -> None:
    evil = SourceOut(
        artifact="nft.json",
        table="inet filter",
        chain="c",
        handle=1,
        text='comment "\x1b]0;owned\x07\u202e\x9b2J" drop',
    )
    scene.verdict("a.example", "lan0", "blocked", because="x \x1b[2J y", decided_by=[evil])
    scene.finding("a.example", evil, summary="see \x1b[31m", remedy={"text": "do \x1b[0m", "commands": ["nft \x1b[5m"]})
    scene.gaps.append(GapOut(subject="\x1b[1m", reason="\x1b[1m", remedy="\x1b[1m", source=evil))
    for screen in (None, Screen(120, colour=False)):
        assert not CONTROL.search(text(scene.report(), screen).replace("\n", ""))
    assert not CONTROL.search(ESCAPE.sub("", text(scene.report(), Screen(120))).replace("\n", ""))


def test_an_endless_rule_is_cut_and_many_rules_are_counted(scene: Scene) -> None:
    rules = [
        SourceOut(artifact="nft.json", table="inet f", chain="c", handle=n, text="ip daddr { " + "1.1.1.1, " * 900)
        for n in range(9)
    ]
    scene.verdict("a.example", "lan0", "partial", because="x", decided_by=rules)
    scene.finding(
        "a.example", *rules, remedy={"text": "Mend.", "commands": [f"nft {n}" for n in range(9)]}, summary="x"
    )
    page = text(scene.report())
    assert max(map(len, page.splitlines())) < 300
    assert "and 6 more rules" in page
    assert page.count("and 4 more (--format json has all)") == 2


def test_a_suppressed_finding_is_counted_not_shown(scene: Scene, drop: SourceOut) -> None:
    page = text(scene.verdict("a.example", "lan0").finding("a.example", drop, status="suppressed").report())
    assert page.endswith("Nothing to act on.\n\n1 finding suppressed\n")


def test_findings_of_other_rules_or_zones_are_not_thrown_together(scene: Scene, drop: SourceOut) -> None:
    scene.finding("a.example", drop).finding("b.example", drop, zone="lan1").finding("c.example", drop, severity="low")
    page = text(scene.report())
    assert page.count("do    ") == 3


def test_two_findings_about_rules_are_told_each(scene: Scene, drop: SourceOut) -> None:
    scene.finding("rule one", drop, kind="rule").finding("rule two", drop, kind="rule")
    assert text(scene.report()).count("do    ") == 2


def test_what_could_not_be_read_is_told_once_with_what_helps(scene: Scene) -> None:
    source = SourceOut(artifact="nft.json", text="")
    gap = Gap("nftables", "denied: Operation not permitted", Source("nft.json", ""), "run as root")
    scene.gaps.append(GapOut(subject=gap.subject, reason=gap.reason, remedy=gap.remedy, source=source))
    scene.artifacts.update({"nft.json": "denied", "iptables-legacy.txt": "timeout", "ipset.txt": "absent"})
    page = text(scene.verdict("a.example", "lan0", "unknown", because=str(gap)).report())
    assert page.count("Operation not permitted") == 1
    assert "nftables could not be read" in page
    assert page.endswith(
        "Not read, or not understood; what depends on it is unknown\n\n"
        "  nftables  denied: Operation not permitted\n"
        "            run as root\n"
        "  timeout   iptables-legacy.txt\n"
    )


def test_hundreds_of_gaps_are_counted(scene: Scene) -> None:
    scene.gaps += [GapOut(subject="nftables", reason=f"statement {n}") for n in range(300)]
    assert text(scene.report()).endswith("  and 280 more (--format json has all)\n")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Source("nft.json", "drop", table="inet f", chain="c", handle=4), "inet f c handle 4"),
        (Source("nft.json", "policy drop", table="inet f", chain="c"), "inet f c policy drop"),
        (Source("iptables-legacy.txt", "-A F", 9, "ip filter", "FORWARD"), "iptables-legacy filter FORWARD line 9"),
        (Source("ip6tables-nft.txt", "-A F", 9, "ip6 nat", "X"), "ip6tables-nft nat X line 9"),
        (Source("files/etc/hosts", "0.0.0.0 a", 3), "/etc/hosts line 3"),
        (Source("processes.json", ""), "processes.json"),
    ],
)
def test_places_are_where_an_administrator_looks(source: Source, expected: str) -> None:
    assert place(source) == expected
    assert rule(source).startswith(expected)


def test_a_summary_that_was_cut_off_within_a_rule_loses_the_rest_of_it(drop: SourceOut) -> None:
    source = model_source(drop)
    sentence = f"1 % is dropped by {source}"
    assert without_rules(sentence, [source]) == "1 % is dropped"
    assert without_rules(sentence[:50] + "…", [source]) == "1 % is dropped"
    assert without_rules("1 % is dropped b…", [source]) == "1 % is dropped"
    assert without_rules("another thing…", [source]) == "another thing…"


def test_several_unread_sources_are_one_clause() -> None:
    gaps = [GapOut(subject=one, reason="denied", remedy="run as root") for one in ("a", "b", "c")]
    told = [f"{one.subject}: denied (run as root)" for one in gaps]
    assert without_gaps("; ".join(told[:1]), gaps) == "a could not be read"
    assert without_gaps("; ".join(told[:2]), gaps) == "a and b could not be read"
    assert without_gaps("; ".join(told), gaps) == "a, b and c could not be read"
    assert without_gaps(f"x from lan0: {told[0][:-3]}…", gaps) == "x from lan0: a could not be read"


def test_listed() -> None:
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_a_road_hop_by_hop(drop: SourceOut) -> None:
    source = model_source(drop)
    names = Hop("names", "blocked", f"every name is refused by {source}", (source,))
    passage = Hop("packet filter", "partial", f"1 % of public IPv4 is dropped by {source}", (source,))
    away = Hop("packet filter", "not-routed", "no IPv6 route to the internet")
    told = (
        RoadTold("tcp/443 IPv4 direct", "blocked", "", (names, passage)),
        RoadTold("tcp/80 IPv4 direct", "blocked", "", (names, passage)),
        RoadTold("tcp/443 IPv6 direct", "not-routed", "", (away,)),
    )
    roads = (Explanation("*.a.example", "lan0", told, "blocked"), Explanation("*.a.example", "host", (), "allowed"))
    assert (
        explain(roads).decode()
        == """\
*.a.example from lan0: blocked
  tcp/443 IPv4 direct, tcp/80 IPv4 direct: blocked
    names          blocked         every name is refused
                                   inet filter forward handle 42: ip daddr 23.32.0.0/11 drop
    packet filter  partly blocked  1 % of public IPv4 is dropped
                                   inet filter forward handle 42: ip daddr 23.32.0.0/11 drop
  tcp/443 IPv6 direct: not routed
    packet filter  not routed      no IPv6 route to the internet

*.a.example from this host: allowed
"""
    )


@given(st.text(), st.integers(20, 200))
def test_wrapping_keeps_every_word_and_the_width(words: str, width: int) -> None:
    lines = wrap(words, width)
    assert " ".join(lines).split() == clean(words).split()
    assert all(len(line) <= width or " " not in line.strip() for line in lines)


@given(st.text(max_size=50))
def test_clean_leaves_no_control_character(words: str) -> None:
    assert not CONTROL.search(clean(words))


def test_lines_end_without_spaces() -> None:
    assert finish([*prose("a", 80, (("x   ", ""),)), BLANK, (("b  ", ""),)], None) == b"x   a\n\nb\n"
