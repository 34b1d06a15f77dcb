"""What resolvers do to the answers of others: to aliases in them, and to their addresses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.judge.verdicts import judge
from agent.model.intervals import Intervals
from agent.model.network import Listener
from agent.model.requirement import PortNeed, Requirement
from agent.model.resolver import (
    AddressList,
    AddressRule,
    Fate,
    NameRule,
    NameSet,
    Outcome,
    Resolver,
    RuleList,
    Scope,
    Stage,
    View,
)
from agent.model.source import Source
from agent.model.vocabulary import Reach
from tests.judge.test_roads import home

NEED = Requirement(
    "p",
    "*.livechat.com",
    (PortNeed("tcp", 443),),
    aliases=(("cdn.livechat.com", ("cdn.edge.example", "a7.edge.example")), ("*.img.livechat.com", ("x.example",))),
)
LINE = Source("files/etc/block.zone", "*.edge.example CNAME .", 7)
EDGE = NameRule(NameSet(Scope.BELOW, "edge.example"), Outcome(Fate.NXDOMAIN), LINE)


def resolver(view: View) -> Resolver:
    return Resolver("unbound", (view,), (Listener("udp", "192.168.7.1", 53),))


def verdict(view: View, need: Requirement = NEED) -> tuple[Reach, str]:
    one = replace(home(), resolvers=(resolver(view),))
    (found,) = [
        (judged.verdict, judged.because)
        for judged in judge(one, (need,)).judgements
        if judged.zone == "lan0" and judged.family == 4
    ]
    return found


def test_an_alias_of_a_blocked_name_is_blocked() -> None:
    stage = RuleList((EDGE,))
    found, because = verdict(View((stage,), Outcome(Fate.PASSED_ON), chain=(stage,)))
    assert (found, because) == (
        Reach.PARTIAL,
        f"cdn.livechat.com is said not to exist, as an alias of cdn.edge.example by unbound: {LINE}",
    )


def test_a_resolver_that_looks_at_the_question_alone_lets_aliases_pass() -> None:
    assert verdict(View((RuleList((EDGE,)),), Outcome(Fate.PASSED_ON)))[0] is Reach.ALLOWED


def test_a_wildcard_may_lead_elsewhere() -> None:
    rule = NameRule(NameSet(Scope.EXACT, "x.example"), Outcome(Fate.REFUSED), LINE)
    found, because = verdict(View((), Outcome(Fate.PASSED_ON), chain=(RuleList((rule,)),)))
    assert found is Reach.PARTIAL
    assert because.startswith("*.img.livechat.com is refused, as an alias of x.example")


def some(*rules: AddressRule, before: tuple[Stage, ...] = ()) -> View:
    return View((*before, AddressList(rules)), Outcome(Fate.PASSED_ON))


AKAMAI = Intervals.span(0x17200000, 0x173FFFFF)
EVERY = Intervals.span(0, 0xFFFFFFFF)
GONE, FINE = Outcome(Fate.NXDOMAIN), Outcome(Fate.PASSED_ON)


@pytest.mark.parametrize(
    ("view", "wanted"),
    [
        (some(AddressRule(4, AKAMAI, GONE, LINE)), Reach.PARTIAL),
        (some(AddressRule(6, AKAMAI, GONE, LINE)), Reach.ALLOWED),
        (some(AddressRule(4, AKAMAI, FINE, LINE), AddressRule(4, EVERY, GONE, LINE)), Reach.PARTIAL),
        (some(AddressRule(4, EVERY, FINE, LINE), AddressRule(4, AKAMAI, GONE, LINE)), Reach.ALLOWED),
        (some(AddressRule(4, EVERY, GONE, LINE)), Reach.BLOCKED),
        (some(AddressRule(4, Intervals.span(0x0A000000, 0x0AFFFFFF), GONE, LINE)), Reach.ALLOWED),
    ],
)
def test_answers_are_stopped_by_their_addresses(view: View, wanted: Reach) -> None:
    found, because = verdict(view)
    assert found is wanted
    if wanted is not Reach.ALLOWED:
        assert "where the answer has an address in" in because


def test_a_name_that_is_let_pass_before_is_not_stopped_by_its_addresses() -> None:
    free = RuleList((NameRule(NameSet(Scope.SUBTREE, "livechat.com"), FINE, LINE),))
    assert verdict(some(AddressRule(4, EVERY, GONE, LINE), before=(free,)))[0] is Reach.ALLOWED
