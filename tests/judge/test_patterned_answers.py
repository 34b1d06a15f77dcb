"""What a resolver with patterns does to a requirement, summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from agent.judge.answers import Answers
from agent.judge.wording import SAMPLED
from agent.model.gateway import Gateway, Zone
from agent.model.network import Listener, Nameserver, Network
from agent.model.regular import Dialect, pattern
from agent.model.requirement import Requirement
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Resolver, RuleList, Scope, View
from agent.model.source import Source
from agent.model.vocabulary import HOST, Reach

if TYPE_CHECKING:
    from agent.judge.reach import Prover

DENIED, PASSED = Outcome(Fate.NXDOMAIN), Outcome(Fate.PASSED_ON)


def opinion(rules: list[tuple[str, Outcome]], otherwise: Outcome) -> tuple[Reach, str]:
    """The verdict for ``*.livechat.com`` over IPv4 of a list of patterns, and why."""
    found = tuple(
        NameRule(pattern(text, Dialect.TRE, ignore_case=True), outcome, Source("pihole", text, line))
        for line, (text, outcome) in enumerate(rules, 1)
    )
    every = NameRule(NameSet(Scope.SUBTREE, ""), otherwise, None)
    resolver = Resolver("pihole", (View((RuleList((*found, every)),), PASSED),), (Listener("udp", "127.0.0.1", 53),))
    gateway = Gateway(
        network=Network(known=True), resolvers=(resolver,), nameservers=(Nameserver("127.0.0.1", Source("r", "")),)
    )
    answers = Answers(gateway, cast("Prover", None))
    need = Requirement("p", "*.livechat.com", (), apex=True)
    one = answers.opinions(need, answers.serving(Zone(HOST, "", ())))[4]
    return one.verdict, one.because


@pytest.mark.parametrize(
    ("rules", "otherwise", "verdict", "because"),
    [
        ([(r"facebook\.com$", DENIED), ("^ads$", DENIED)], PASSED, Reach.ALLOWED, "gives the service's own addresses"),
        ([(r"(^|\.)livechat", DENIED)], PASSED, Reach.BLOCKED, "every name is said not to exist by pihole: pihole line 1: (^|"),
        (
            [("^facebook", PASSED), ("^ads?[0-9]*[.]", DENIED)],
            PASSED,
            Reach.PARTIAL,
            "names like ad.livechat.com (all that match only ^ads?[0-9]*[.]) are said not to exist by pihole: pihole line 2",
        ),
        (
            [(r"^cdn[0-9]\.", PASSED)],
            DENIED,
            Reach.PARTIAL,
            "livechat.com, all other *.livechat.com are said not to exist by pihole",
        ),
        ([(f"w{number}[a-z]*x", PASSED) for number in range(40)], PASSED, Reach.ALLOWED, "gives the service's own addresses"),
        (
            [(f"w{number}[a-z]*x", (PASSED, Outcome(Fate.PASSED_ON, upstreams=frozenset({"1.1.1.1#53"})))[number % 2]) for number in range(40)],
            PASSED,
            Reach.UNKNOWN,
            SAMPLED,
        ),
    ],
)  # fmt: skip
def test_patterns_decide_about_all_names(
    rules: list[tuple[str, Outcome]], otherwise: Outcome, verdict: Reach, because: str
) -> None:
    found = opinion(rules, otherwise)
    assert found[0] is verdict
    assert because in found[1]
