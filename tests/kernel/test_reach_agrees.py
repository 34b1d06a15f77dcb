"""The proof over all addresses says the same as single flows do, for the rulesets that the kernel is compared with."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest

from agent import catalog
from agent.judge.flow import read_flow
from agent.judge.reach import Prover, Question
from agent.judge.trace import Tracer
from agent.model.intervals import Intervals, address_text, address_value
from tests.kernel import needs
from tests.kernel.compare import Comparison
from tests.kernel.rulesets import FLAVOURS, make

if TYPE_CHECKING:
    from agent.judge.reach import Reach
    from agent.model.gateway import Gateway
    from tests.kernel.rulesets import Ruleset

pytestmark = needs.kernel
RULESETS = 8
POINTS = 60
"""Addresses for each question: boundaries of the parts, and others."""
WAYS_IN = {
    4: (("lan0", "192.168.7.20"), ("wan0", "8.8.8.8"), (None, "203.0.113.2")),
    6: (("lan0", "fd07:7::20"), ("wan0", "2001:4860::8888"), (None, "2001:db8:a::2")),
}
PORTS = ((6, "tcp", 443), (17, "udp", 53))


def points(reach: Reach, family: int, random: Random) -> list[int]:
    highest = (1 << (32 if family == 4 else 128)) - 1
    bounds = {0, highest}
    for part in (reach.accept, reach.drop, reach.reject, reach.unknown):
        bounds |= {point for low, high in part for point in (low, high)}
    some = random.sample(sorted(bounds), min(len(bounds), POINTS))
    return some + [random.getrandbits(highest.bit_length()) for _ in range(5)]


def disagreements(gateway: Gateway, ruleset: Ruleset, random: Random) -> list[str]:
    # which address NETMAP makes of which is not followed for all of a large network
    folds = "NETMAP" in str(ruleset)
    prover, tracer = Prover(gateway), Tracer(gateway)
    found = []
    for family in ruleset.families:
        for zone, source in WAYS_IN[family]:
            for number, proto, port in PORTS:
                reach = prover.reach(Question(family, number, port, zone, address_value(source)[1]))
                parts = {"accept": reach.accept, "drop": reach.drop, "reject": reach.reject, "unknown": reach.unknown}
                space = 1 << (32 if family == 4 else 128)
                assert sum(part.size() for part in parts.values()) == space
                assert Intervals.of(pair for part in parts.values() for pair in part).size() == space
                for point in points(reach, family, random):
                    dst = address_text(point, family)
                    flow = {"src": source, "dst": dst, "proto": proto, "dport": port, "sport": 40000}
                    line = json.dumps(flow | ({"in_iface": zone} if zone else {})).encode()
                    single = tracer.answer(read_flow(line, 1)).verdict
                    (whole,) = (name for name, part in parts.items() if point in part)
                    if single != whole and not (folds and whole == "unknown"):
                        found.append(f"{line.decode()}: trace {single}, reach {whole}")
    return found


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
def test_reach_and_trace_agree(flavour: str) -> None:
    comparison = Comparison()
    found = []
    try:
        for seed in range(RULESETS):
            ruleset = make(flavour, seed)
            comparison.laboratory.watch()
            for load in ruleset.loads:
                comparison.laboratory.load(load.argv, load.text)
            gateway = catalog.read(comparison.snapshot(), frozenset())
            found += [f"seed {seed}: {one}" for one in disagreements(gateway, ruleset, Random(seed))]
    finally:
        comparison.close()
    assert not found, "\n".join(found)
