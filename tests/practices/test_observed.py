"""Rules about what the wire has shown: when they speak, and when they keep silent."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

import pytest

from agent.model.evidence import DAY, SLOT, Observed
from agent.model.outcome import Fate, Outcome, OutcomeStage
from agent.model.requirement import PortNeed, Requirement
from agent.model.vocabulary import Reach, Stage
from agent.observe.tally import Tally
from agent.practice.seen import blocked
from rules.practices import (
    companion_domain_unlisted,
    evidence_contradicts_configuration,
    required_domain_observed_blocked,
    web_allow_list_incomplete,
)
from tests.judge.build import accept, drop, match
from tests.observe.told import NEED, NOON, SERVER, address, answer, hello, outcome, query
from tests.practices.case import case

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.judgement import Judgement
    from agent.model.observation import Observation

TCP, TLS, DNS, HTTP = OutcomeStage.TCP, OutcomeStage.TLS, OutcomeStage.DNS, OutcomeStage.HTTP
WEB = [match("tcp", "dport", {"set": [80, 443]}), accept()]
CDN = match("ip", "daddr", {"prefix": {"addr": "8.30.0.0", "len": 16}})
LISTED = [CDN, *WEB]
DROPPED = Fate.TCP_UNANSWERED


def told(*taken: Observation | Outcome, until: float = 0.0, companions: bool = False) -> Observed:
    tally = Tally([NEED], bytes(32), companions=companions)
    for one in taken:
        if isinstance(one, Outcome):
            tally.outcome(one)
        else:
            tally.add(one)
    tally.tick(max(until, NOON))
    return tally.observed()


def many(
    number: int,
    fate: Fate = DROPPED,
    begin: float = NOON,
    *,
    stage: OutcomeStage = TCP,
    confidence: float = 0.8,
    **given: Any,
) -> list[Outcome]:
    """So many outcomes, half a minute apart."""
    return [outcome(fate, begin + 30 * one, stage=stage, confidence=confidence, **given) for one in range(number)]


def observed_blocked(*taken: Outcome, rules: Iterable[Any] = (WEB,), policy: str = "drop", **given: Any) -> list[Any]:
    found = case(*rules, policy=policy, need=NEED, observed=told(*taken), **given)
    return list(required_domain_observed_blocked.find(found))


# ---- required-domain-observed-blocked ----


@pytest.mark.parametrize(
    ("taken", "stages", "words"),
    [
        (many(3), {Stage.FIREWALL}, "3 of 3 connections to tcp/443, IPv4, ended in tcp-unanswered"),
        (many(1, confidence=0.9), {Stage.FIREWALL}, "1 of 1 connections"),
        ([*many(3, Fate.OK), *many(3, begin=NOON + 60)], {Stage.FIREWALL}, "3 of 6 connections"),
        (many(4, Fate.TLS_ALERT, stage=TLS), {Stage.TLS}, "tls-alert"),
        (many(4, Fate.HTTP_BLOCK_PAGE, stage=HTTP, port=80), {Stage.HTTP}, "connections to tcp/80"),
        (many(4, Fate.HTTP_PROXY_DENIED, stage=HTTP, server="10.0.0.9", port=3128), {Stage.PROXY}, "tcp/3128"),
        (
            many(4, Fate.DNS_REFUSED, stage=DNS, server="10.0.0.9", port=53, transport="udp"),
            {Stage.DNS},
            "questions of",
        ),
    ],
)
def test_a_domain_that_is_blocked_again_and_again(taken: list[Outcome], stages: set[Stage], words: str) -> None:
    (hit,) = observed_blocked(*taken)
    assert (hit.zone, hit.pack, hit.subject, hit.source) == (
        "lan0",
        "livechat",
        ("domain", "*.livechat.com"),
        "observed",
    )
    assert hit.blocked_at == stages
    assert words in hit.summary
    assert hit.seen
    assert len(hit.summary) <= 200
    json.dumps([one.data for one in hit.seen])


@pytest.mark.parametrize(
    "taken",
    [
        [],
        many(2),
        many(9, confidence=0.6),
        many(9, Fate.INCONCLUSIVE, confidence=1.0),
        many(9, Fate.QUIC_BLOCKED_TCP_OK, confidence=1.0),
        many(9, Fate.TLS_WEAK),
        [*many(3), *many(13, Fate.OK)],  # now and then
        [*many(3), *many(20, Fate.INCONCLUSIVE), *many(13, Fate.OK)],
        [*many(9), *many(1, Fate.OK, NOON + DAY + SLOT)],  # a day ago; since then it passes
        [*many(9), *many(3, Fate.OK, NOON + SLOT)],  # mended
        many(9, port=22),  # not required
        many(9, port=443, transport="udp"),  # preferred only
        many(9, server="2600::1"),  # no IPv6 in this zone
    ],
)
def test_what_happens_now_and_then_is_not_blocked(taken: list[Outcome]) -> None:
    assert not observed_blocked(*taken)


def test_it_is_told_for_each_zone_by_itself() -> None:
    hits = observed_blocked(*many(3, zone="lan1"), *many(9, Fate.OK), *many(3, zone=None))
    assert [hit.zone for hit in hits] == [None, "lan1"]
    assert "in the traffic" in hits[0].summary


def test_ports_and_families_do_not_hide_each_other() -> None:
    hits = observed_blocked(*many(50, Fate.OK), *many(3, port=80), *many(4, server="2600::1"), ipv6=True)
    (hit,) = hits
    assert (hit.ports, hit.families) == ({"tcp/80", "tcp/443"}, {4, 6})


def test_what_was_blocked_half_the_time_is_over_only_when_many_pass() -> None:
    half = [one for at in range(6) for one in (outcome(DROPPED, NOON + at, stage=TCP), outcome(at=NOON + at))]
    assert blocked(told(*half, *many(3, Fate.OK, NOON + SLOT)).domains[0].outcomes)
    assert not blocked(told(*half, *many(8, Fate.OK, NOON + SLOT)).domains[0].outcomes)


def test_the_rule_is_named_where_the_configuration_agrees() -> None:
    (hit,) = observed_blocked(*many(3), rules=([match("tcp", "dport", 443), drop()],), policy="accept")
    assert hit.sources[0].text == "tcp dport 443 drop"
    (other,) = observed_blocked(*many(3))
    assert not other.sources
    assert "gateproof explain livechat.com --from lan0" in other.remedy


# ---- web-allow-list-incomplete ----

IN, OUT = ["8.30.1.1", "8.30.1.2", "8.30.1.3"], ["8.31.1.1", "8.31.1.2"]


def incomplete(*taken: Observation | Outcome, rules: Iterable[Any] = (LISTED,), **given: Any) -> list[Any]:
    found = case(*rules, need=NEED, observed=told(*taken, until=NOON + 7 * DAY), **given)
    return [hit for hit in web_allow_list_incomplete.find(found) if hit.zone == "lan0"]


def answers(*addresses: str) -> list[Observation]:
    return [answer(address(one), at=NOON + 7 * DAY) for one in addresses] + [hello(at=NOON, server=IN[0])]


def test_addresses_outside_the_list_are_counted() -> None:
    (hit,) = incomplete(*answers(*IN, *OUT), *many(2, server=OUT[0], begin=NOON + 6 * DAY))
    assert hit.summary == (
        "the allow-list covers 60 % of the 5 addresses that *.livechat.com had in 7 days, 2 are stopped from lan0,"
        " 1 were seen dropped"
    )
    assert "8.30.0.0/16" in hit.sources[0].text
    assert [dict(one.data)["address"] for one in hit.seen] == OUT
    assert (hit.ports, hit.families, hit.source) == ({"tcp/80", "tcp/443"}, {4}, "observed")


@pytest.mark.parametrize(
    ("taken", "rules", "policy"),
    [
        (answers(*IN), [LISTED], "drop"),
        (answers(*OUT), [WEB], "drop"),
        (answers(*OUT), [], "drop"),  # nothing passes: that is another finding
        (answers(*OUT), [[CDN, drop()]], "accept"),
        (answers(*IN), [[match("ip", "daddr", "8.31.1.1"), drop()]], "accept"),
        ([hello(server=OUT[0])], [LISTED], "drop"),  # no more than what a client says
        (answers("10.1.1.1", "2600::1"), [LISTED], "drop"),
    ],
)
def test_lists_that_are_complete_or_none(taken: list[Observation], rules: list[Any], policy: str) -> None:
    assert not incomplete(*taken, rules=rules, policy=policy)


def test_an_address_that_worked_counts_without_an_answer() -> None:
    assert incomplete(hello(at=NOON + 7 * DAY, server=OUT[0]), outcome(at=NOON + 7 * DAY, server=OUT[0]))


def test_sets_that_follow_the_name_are_never_incomplete() -> None:
    named = [
        {"family": "inet", "table": "filter", "name": "chat", "type": "ipv4_addr", "handle": 9, "elem": ["8.30.1.1"]}
    ]
    rules = [[match("ip", "daddr", "@chat"), *WEB]]
    files = {"/etc/dnsmasq.conf": b"nftset=/livechat.com/4#inet#filter#chat\n"}
    assert incomplete(*answers(*OUT), rules=rules, sets=named)
    assert not incomplete(*answers(*OUT), rules=rules, sets=named, files=files)


def test_nothing_is_said_where_nobody_watched() -> None:
    found = case(LISTED, need=NEED)
    for rule in (
        web_allow_list_incomplete, required_domain_observed_blocked, evidence_contradicts_configuration,
        companion_domain_unlisted,
    ):  # fmt: skip
        assert not list(rule.find(found))


# ---- evidence-contradicts-configuration ----


def contradictions(*taken: Outcome, rules: Iterable[Any] = (WEB,), **given: Any) -> list[Any]:
    return list(evidence_contradicts_configuration.find(case(*rules, need=NEED, observed=told(*taken), **given)))


BLOCKED = [match("tcp", "dport", {"set": [80, 443]}), drop()]


def test_allowed_and_seen_blocked() -> None:
    (hit,) = contradictions(*many(4))
    assert hit.summary == (
        "tcp/443 to *.livechat.com from lan0 should be allowed, but 4 of 4 connections ended in tcp-unanswered"
    )
    assert (hit.zone, hit.ports, hit.families, hit.key) == ("lan0", {"tcp/443"}, {4}, "allowed")


def test_blocked_and_seen_passing() -> None:
    (hit,) = contradictions(*many(3, Fate.OK, stage=TLS), rules=[BLOCKED])
    assert "should be blocked by" in hit.summary
    assert "drop" in hit.sources[0].text
    assert "3 connections reached it" in hit.summary
    assert hit.key == "blocked"


@pytest.mark.parametrize(
    ("taken", "rules"),
    [
        (many(4, zone="lan9"), [WEB]),
        (many(4, zone=None), [WEB]),
        (many(4, port=8443), [WEB]),
        (many(4, server="2600::1"), [WEB]),  # not routed here
        (many(4, server="10.0.0.9", port=3128), [WEB]),  # by a proxy that nobody here is told of
        (many(4, Fate.DNS_REFUSED, stage=DNS, port=53, transport="udp"), [WEB]),  # of a resolver of whomever
        (many(9, Fate.INCONCLUSIVE, confidence=1.0), [WEB]),
        (many(9, Fate.OK), [WEB]),
        (many(9), [BLOCKED]),
        (many(2, Fate.OK), [BLOCKED]),
        (many(9, Fate.OK, confidence=0.5), [BLOCKED]),
        (many(9, Fate.TLS_INTERCEPTED), [BLOCKED]),  # this host itself may have answered
        ([*many(9, Fate.OK), *many(1, begin=NOON + SLOT)], [BLOCKED]),  # the rule came later
        (many(9), [LISTED]),  # partly blocked: both may be true
    ],
)
def test_where_both_may_be_true(taken: list[Outcome], rules: list[Any]) -> None:
    assert not contradictions(*taken, rules=rules)


@pytest.mark.parametrize(("rules", "fate"), [([WEB], DROPPED), ([BLOCKED], Fate.OK)])
def test_only_what_was_seen_since_the_verdict_stands(rules: list[Any], fate: Fate) -> None:
    assert contradictions(*many(4, fate), rules=rules, since=lambda _: NOON)
    assert not contradictions(*many(4, fate), rules=rules, since=lambda _: NOON + 1)
    assert not contradictions(*many(4, fate), rules=rules, since=lambda _: inf)


def by_proxy(verdict: Reach, other: Reach | None = None) -> list[Any]:
    found = case(
        WEB, need=NEED, observed=told(*many(4, Fate.HTTP_PROXY_DENIED, stage=HTTP, server="10.0.0.9", port=3128))
    )

    def asked(one: Judgement) -> Judgement:
        said = other if other is not None and one.port.port == 80 else verdict
        return replace(one, road="proxy:10.0.0.9:3128", verdict=said)

    judgements = tuple(asked(one) for one in found.judgements)
    return list(evidence_contradicts_configuration.find(replace(found, judgements=judgements)))


def test_a_proxy_contradicts_only_where_its_verdicts_agree() -> None:
    (hit,) = by_proxy(Reach.ALLOWED)
    assert hit.roads == {"proxy:10.0.0.9:3128"}
    assert not by_proxy(Reach.BLOCKED)
    assert not by_proxy(Reach.ALLOWED, Reach.BLOCKED)


# ---- companion-domain-unlisted ----


def visits(clients: int, name: str = "fonts.helper.net") -> list[Observation]:
    return [
        one
        for client in range(clients)
        for one in (
            query("chat.livechat.com", NOON, f"10.0.0.{client}"), query(name, NOON + 1, f"10.0.0.{client}"),
        )
    ]  # fmt: skip


def companions(observed: Observed, need: Requirement = NEED) -> list[Any]:
    return list(companion_domain_unlisted.find(case(WEB, need=need, observed=observed)))


def test_a_companion_is_named() -> None:
    (hit,) = companions(told(*visits(4), companions=True))
    assert hit.subject == ("domain", "fonts.helper.net")
    assert hit.pack == "livechat"
    assert "4 clients" in hit.summary


def test_no_companions_where_most_ask_without_it_or_few_ask_or_a_pack_covers_it_since() -> None:
    alone = [query("fonts.helper.net", NOON + 7200, f"10.0.1.{client}") for client in range(4)]
    assert not companions(told(*visits(4), *alone, companions=True))
    assert not companions(told(*visits(2), companions=True))
    assert not companions(told(*visits(4)))
    known = told(*visits(4, "cdn.livechat.com.net"), companions=True)
    assert companions(known)
    assert not companions(known, Requirement("livechat", "*.livechat.com.net", (PortNeed("tcp", 443),)))
    other = replace(
        known, companions=tuple(replace(one, name=f"x{SERVER[-1]}.livechat.com") for one in known.companions)
    )
    assert not companions(other)
