"""Questions that are said to be alike have the same answer; those that rules tell apart are not said to be."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.judge.alike import Likeness
from agent.judge.reach import Prover, Question, _start
from agent.judge.routing import Routing
from tests.judge.build import accept, drop, forward, gateway, match, meta, ruleset
from tests.judge.test_reach import SEEN
from tests.judge.test_replies import rules

QUESTIONS = [
    Question(4, proto, port, zone, source, "wan0")
    for proto, port in ((6, 443), (6, 80), (17, 443))
    for zone, source in (("lan0", 0xC0A80714), ("lan1", 0xC0A80814), ("lan1", 0x40010101))
]
IFNAME = meta("iifname", "lan1")
SOURCE = match("ip", "saddr", {"prefix": {"addr": "192.168.8.0", "len": 24}})


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_alike_is_the_same_answer(seed: int) -> None:
    random = Random(seed)
    extra: list[dict[str, Any]] = [IFNAME, SOURCE, match("udp", "dport", 443)]
    listed = [[random.choice(extra), *rule] if random.random() < 0.2 else rule for rule in rules(random, ["b"])]
    chains = {"first": rules(random, []), "forward": listed, "b": rules(random, [])}
    if random.random() < 0.5:  # without ports, and without sets that sources are put into
        chains = {
            name: [[one for one in rule if "dport" not in str(one) and "@seen" not in str(one)] for rule in some]
            for name, some in chains.items()
        }
    bases = {
        "first": {"type": "filter", "hook": "prerouting", "prio": -150, "policy": "accept"},
        "forward": {"type": "filter", "hook": "forward", "prio": 0, "policy": random.choice(("accept", "drop"))},
    }
    one = gateway(ruleset(chains, bases, sets=[SEEN]))
    likeness = Likeness(one.firewall, Routing(one.network))
    answers: dict[object, Any] = {}
    for question in QUESTIONS:
        found = Prover(one).connect(question).to_json()
        signature = likeness.signature(_start(question))
        assert answers.setdefault(signature, found) == found, question


@pytest.mark.parametrize(
    ("conditions", "alike"),
    [
        ([], 1),
        ([match("ip", "daddr", "9.9.9.9")], 1),
        ([match("tcp", "dport", {"set": [80, 443]})], 2),
        ([match("tcp", "dport", 443)], 3),
        ([match("tcp", "dport", 22)], 2),
    ],
)
def test_how_many_questions_there_are(conditions: list[dict[str, Any]], alike: int) -> None:
    one = forward([*conditions, drop()], [accept()])
    likeness = Likeness(one.firewall, Routing(one.network))
    in_one_zone = {likeness.signature(_start(question)) for question in QUESTIONS if question.in_iface == "lan0"}
    assert len(in_one_zone) == alike
