"""The proof over all addresses agrees with single flows everywhere, and its parts cover the space."""

from __future__ import annotations

import json
from contextlib import ExitStack
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.judge import atoms, plan, spans
from agent.judge.flow import read_flow
from agent.judge.reach import Prover, Question, Reach
from agent.judge.trace import Tracer
from agent.model.intervals import Intervals, address_text
from tests.judge.build import accept, drop, forward, gateway, match, meta, ruleset

HIGHEST = 2**32 - 1
DESTINATION = {"payload": {"protocol": "ip", "field": "daddr"}}
SEEN = {"name": "seen", "type": "ipv4_addr", "flags": ["interval"],
        "elem": [{"prefix": {"addr": "64.0.0.0", "len": 3}}, "9.9.9.9"]}  # fmt: skip
QUESTION = Question(4, 6, 443, "lan0", 0xC0A80714, "wan0")


def random_rules(random: Random, callees: list[str]) -> list[list[dict[str, Any]]]:
    rules = []
    for _ in range(random.randint(0, 6)):
        rule: list[dict[str, Any]] = []
        for _ in range(random.randint(0, 3)):
            address = address_text(random.getrandbits(32), 4)
            length = random.choice((1, 2, 4, 8))
            prefix = {"prefix": {"addr": address, "len": length}}
            rule.append(
                random.choice(
                    (
                        match("ip", "daddr", prefix, random.choice(("==", "!="))),
                        match("ip", "daddr", {"set": [prefix]}),
                        match("tcp", "dport", random.choice((80, 443, {"set": [80, 443]}))),
                        meta("mark", random.choice((0, 1)), random.choice(("==", "!="))),
                        {"mangle": {"key": {"meta": {"key": "mark"}}, "value": random.choice((0, 1))}},
                        {"limit": {"rate": 1, "per": "second"}},
                        {
                            "match": {
                                "op": "==",
                                "left": {
                                    "concat": [
                                        {"payload": {"protocol": "ip", "field": "daddr"}},
                                        {"payload": {"protocol": "tcp", "field": "dport"}},
                                    ]
                                },
                                "right": {"set": [{"concat": [prefix, 443]}, {"concat": ["9.9.9.9", 80]}]},
                            }
                        },
                        {"match": {"op": random.choice(("==", "!=")), "left": DESTINATION, "right": "@seen"}},
                        {
                            "set": {
                                "op": random.choice(("add", "update", "delete")),
                                "elem": DESTINATION,
                                "set": "@seen",
                            }
                        },
                        {
                            "match": {
                                "op": "==",
                                "left": {"&": [{"payload": {"protocol": "ip", "field": "daddr"}}, "255.0.255.0"]},
                                "right": "10.0.7.0",
                            }
                        },
                    )
                )
            )
        ends: list[dict[str, Any]] = [accept(), drop(), {"return": None}, {"reject": {"type": "icmpx"}}]
        ends += [{"jump": {"target": name}} for name in callees] + [{"goto": {"target": name}} for name in callees]
        address = address_text(random.getrandbits(32), 4)
        half = {"prefix": {"addr": "64.0.0.0", "len": 2}}
        ends.append({"vmap": {"key": {"payload": {"protocol": "ip", "field": "daddr"}},
                              "data": {"set": [[address, drop()], [half, accept()]]}}})  # fmt: skip
        if not (address_value := int(address.split(".")[0])) or address_value < 128:
            ends.pop()  # elements of a map may not overlap
        rules.append([*rule, random.choice(ends)])
    return rules


LIMIT = {"limit": {"rate": 1, "per": "second"}}


def random_list(random: Random, callees: list[str]) -> list[list[dict[str, Any]]]:
    """Rules as long lists have them: most decide about few addresses; uncertain and wide ones stand between."""
    rules: list[list[dict[str, Any]]] = []
    space = random.choice((2, 8, 32))  # whether stretches meet often or hardly ever
    for _ in range(random.randint(4, 24)):
        value = random.randrange(space) << 27 | random.getrandbits(3) << 8 | random.getrandbits(8)
        to = match("ip", "daddr", {"prefix": {"addr": address_text(value, 4), "len": random.choice((16, 22, 24, 32))}})
        wide = match("ip", "daddr", {"prefix": {"addr": address_text(value, 4), "len": random.choice((1, 3, 5))}})
        web = match("tcp", "dport", random.choice((80, 443)))
        end = random.choice((accept(), drop(), {"reject": {"type": "icmpx"}}))
        kind = random.random()
        if kind < 0.6:
            rules.append([to, *([web] if random.random() < 0.3 else ()), end])
        elif kind < 0.7:
            rules.append([wide, *([LIMIT] if random.random() < 0.5 else ()), end])
        elif kind < 0.8:
            rules.append([LIMIT, end])
        elif kind < 0.85:
            rules.append([to, LIMIT, end])
        elif kind < 0.95 and callees:
            called = {random.choice(("jump", "goto")): {"target": random.choice(callees)}}
            rules.append([*random.choice(([], [to], [wide], [LIMIT], [wide, LIMIT])), called])
        else:
            rules.append([*random.choice(([web], [to], [wide])), {"return": None}])
    return rules


def as_if_many(random: Random) -> ExitStack:
    """Now and then, take these few addresses and rules for many."""
    stack = ExitStack()
    if random.random() < 0.4:
        for module, name, few in ((plan, "BROAD", 1), (atoms, "MANY", 1), (spans, "CROWD", 1), (atoms, "FEW", 3)):
            if random.random() < 0.6:
                stack.enter_context(patch.object(module, name, few))
    return stack


def verdict_of(reach: Reach, address: int) -> str:
    sets = {"accept": reach.accept, "drop": reach.drop, "reject": reach.reject, "unknown": reach.unknown}
    (verdict,) = (name for name, addresses in sets.items() if address in addresses)
    return verdict


@settings(max_examples=250)
@given(st.integers(0, 2**32))
@example(498560295)
def test_reach_agrees_with_trace_at_every_boundary(seed: int) -> None:
    random = Random(seed)
    chains = {
        "first": random_rules(random, ["b"]),
        "mapped": [[match("tcp", "dport", 443), {"dnat": {"family": "ip", "addr": "64.1.2.3"}}]]
        * (random.random() < 0.2),
        "forward": random_rules(random, ["a", "b"]),
        "a": random_rules(random, ["b"]),
        "b": random_rules(random, []),
    }
    if random.random() < 0.6:
        chains["forward"] = random_list(random, ["a", "b"])
    if random.random() < 0.3:
        chains["a"] = random_list(random, ["b"])
    policy = random.choice(("accept", "drop"))
    bases = {
        "first": {"type": "filter", "hook": "prerouting", "prio": -150, "policy": "accept"},
        "mapped": {"type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"},
        "forward": {"type": "filter", "hook": "forward", "prio": 0, "policy": policy},
    }
    one = gateway(ruleset(chains, bases, sets=[SEEN]))
    with as_if_many(random):
        reach = Prover(one).reach(QUESTION)
    parts = (reach.accept, reach.drop, reach.reject, reach.unknown)
    assert sum(part.size() for part in parts) == HIGHEST + 1
    assert Intervals.of(pair for part in parts for pair in part) == Intervals.span(0, HIGHEST)
    tracer = Tracer(one)
    points = {0, HIGHEST, *(random.getrandbits(32) for _ in range(10))}
    for part in parts:
        for low, high in list(part)[:40]:
            points |= {low, high}
    for point in points:
        line = {"in_iface": "lan0", "out_iface": "wan0", "src": "192.168.7.20", "dst": address_text(point, 4)}
        answer = tracer.answer(read_flow(json.dumps(line | {"proto": "tcp", "dport": 443}).encode(), 1))
        verdict = verdict_of(reach, point)
        # which address a set was given before a mapping took the destination away is not kept
        assert answer.verdict == verdict or (chains["mapped"] and verdict == "unknown"), address_text(point, 4)
        if verdict != "unknown":
            assert answer.source in {part.source for part in reach.decided if point in part.addresses}


def test_every_part_names_its_rule() -> None:
    deny = match("ip", "daddr", {"prefix": {"addr": "23.32.0.0", "len": 11}})
    answer = Prover(forward([deny, drop()], [accept()])).reach(QUESTION).to_json()
    assert answer["drop"] == ["23.32.0.0/11"]
    (part,) = (one for one in answer["decided"] if one["verdict"] == "drop")
    assert part["rule"] == "ip daddr 23.32.0.0/11 drop"
    assert part["handle"] == 101


def mapped_onto(length: int) -> Reach:
    """What is reached where a network is mapped onto one of which a part is closed."""

    def network(address: str) -> dict[str, Any]:
        return {"prefix": {"addr": address, "len": length}}

    chains = {
        "mapped": [
            [
                match("ip", "daddr", network("23.40.0.0")),
                {"dnat": {"family": "ip", "addr": network("192.168.0.0"), "flags": "netmap"}},
            ]
        ],
        "forward": [
            [match("ip", "daddr", {"range": ["192.168.0.16", "192.168.0.18"]}), drop()],
            [match("ip", "daddr", network("23.40.0.0")), drop()],  # no longer its address
        ],
    }
    bases = {
        "mapped": {"type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"},
        "forward": {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"},
    }
    return Prover(gateway(ruleset(chains, bases))).connect(QUESTION, Intervals.span(0x17280000, 0x1728FFFF))


def test_each_address_of_a_network_that_is_mapped_is_followed() -> None:
    # without routes nobody knows whether those three are this host's own
    assert mapped_onto(24).unknown == Intervals.span(0x17280010, 0x17280012)


def test_a_large_network_that_is_mapped_stays_open() -> None:
    assert mapped_onto(20).unknown == Intervals.span(0x17280000, 0x17280FFF)
