"""Answers to what passed: over all addresses as for single ones, and said for what they are."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.judge.blocks import End
from agent.judge.flow import read_flow
from agent.judge.path import Path
from agent.judge.reach import Prover, Question
from agent.judge.routing import Routing
from agent.judge.scalar import ScalarRunner
from agent.model.intervals import Intervals, address_text, address_value
from tests.judge.build import FORWARD, accept, drop, forward, gateway, match, ruleset
from tests.judge.test_reach import HIGHEST, QUESTION, SEEN, as_if_many, random_list, random_rules, verdict_of

if TYPE_CHECKING:
    from agent.model.gateway import Gateway

ESTABLISHED = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}}
NEW = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}}
REPLY = {"match": {"op": "==", "left": {"ct": {"key": "direction"}}, "right": "reply"}}
DNAT_STATUS = {"match": {"op": "in", "left": {"ct": {"key": "status"}}, "right": "dnat"}}
WEB = match("tcp", "dport", 443)


def rules(random: Random, callees: list[str]) -> list[list[dict[str, Any]]]:
    """Random rules about either address, some for one direction only."""
    found = []
    for rule in random.choice((random_rules, random_list))(random, callees):
        text = json.dumps(rule)
        turned: list[dict[str, Any]] = json.loads(text.replace('"daddr"', '"saddr"') if random.random() < 0.5 else text)
        state = random.choice((None, None, ESTABLISHED, NEW, REPLY, DNAT_STATUS))
        found.append([state, *turned] if state else turned)
    return found


def expected(one: Gateway, address: int) -> str:
    """The verdict for one address, from the walk of single packets there and back."""
    runner = ScalarRunner(Routing(one.network))
    path = Path(one, Routing(one.network), runner)
    line = {"in_iface": "lan0", "out_iface": "wan0", "src": "192.168.7.20", "dst": address_text(address, 4)}
    flow = read_flow(json.dumps(line | {"proto": "tcp", "dport": 443, "sport": 40000}).encode(), 1)
    passed = path.walk(flow.packet(), Intervals.single(flow.dst), "wan0")
    there = {outcome.end for outcome in passed}
    if there != {End.ACCEPT}:
        return there.pop().value if len(there) == 1 else "unknown"
    back = {outcome.end for outcome in path.replies(flow.packet(), passed, runner.interpreter.ledger, "lan0")}
    return back.pop().value if len(back) == 1 else "unknown"


@settings(max_examples=150)
@given(st.integers(0, 2**32))
@example(306)
def test_proof_agrees_with_single_packets_at_every_boundary(seed: int) -> None:
    random = Random(seed)
    mapped = random.random() < 0.2
    chains = {
        "first": rules(random, ["b"]),
        "mapped": [[WEB, {"dnat": {"family": "ip", "addr": "64.1.2.3"}}]] * mapped,
        "forward": rules(random, ["a", "b"]),
        "a": rules(random, ["b"]),
        "b": rules(random, []),
    }
    bases = {
        "first": {"type": "filter", "hook": "prerouting", "prio": -150, "policy": "accept"},
        "mapped": {"type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"},
        "forward": {"type": "filter", "hook": "forward", "prio": 0, "policy": random.choice(("accept", "drop"))},
    }
    one = gateway(ruleset(chains, bases, sets=[SEEN]))
    with as_if_many(random):
        reach = Prover(one).connect(QUESTION)
    parts = (reach.accept, reach.drop, reach.reject, reach.unknown)
    assert sum(part.size() for part in parts) == HIGHEST + 1
    points = {0, HIGHEST, *(random.getrandbits(32) for _ in range(6))}
    for part in parts:
        for low, high in list(part)[:25]:
            points |= {low, high}
    for point in points:
        verdict = verdict_of(reach, point)
        assert expected(one, point) == verdict or (mapped and verdict == "unknown"), address_text(point, 4)


CLIENTS = (None, "192.168.7.20", "192.168.7.21", "8.1.2.3", "64.0.0.9", "200.7.1.4")


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_what_was_asked_before_changes_no_answer(seed: int) -> None:
    random = Random(seed)
    chains = {"forward": rules(random, ["a"]), "a": rules(random, [])}
    if random.random() < 0.5:  # rules about single clients, which are looked through when one of them is asked about
        about = [match("ip", "saddr", client) for client in CLIENTS if client]
        chains["forward"] = [[random.choice(about), *rule] for rule in chains["forward"]]
    policy = random.choice(("accept", "drop"))
    one = gateway(ruleset(chains, {"forward": FORWARD | {"policy": policy}}, sets=[SEEN]))
    prover = Prover(one)
    for _ in range(6):
        client = random.choice(CLIENTS)
        src = None if client is None else address_value(client)[1]
        question = Question(4, random.choice((6, 17)), random.choice((80, 443)), "lan0", src, "wan0")
        known, fresh = prover.connect(question), Prover(one).connect(question)
        assert (known.accept, known.drop, known.reject, known.unknown) == (
            fresh.accept,
            fresh.drop,
            fresh.reject,
            fresh.unknown,
        )
        assert [part.source for part in known.decided] == [part.source for part in fresh.decided]


@pytest.mark.parametrize(
    ("back", "dropped"),
    [
        ([], "0.0.0.0/0"),
        ([[ESTABLISHED, accept()]], ""),
        ([[match("ip", "saddr", {"prefix": {"addr": "64.0.0.0", "len": 2}}), drop()], [ESTABLISHED, accept()]], "64.0.0.0/2"),
        ([[REPLY, match("tcp", "sport", 443), accept()]], ""),
        ([[match("tcp", "sport", 443), match("tcp", "dport", 40000), accept()]], ""),
        ([[match("tcp", "flags", "syn", "in"), drop()], [ESTABLISHED, accept()]], "0.0.0.0/0"),
    ],
)  # fmt: skip
def test_what_stops_answers(back: list[list[dict[str, Any]]], dropped: str) -> None:
    one = forward([NEW, WEB, accept()], *back)
    reach = Prover(one).connect(QUESTION).to_json()
    assert reach["drop"] == ([dropped] if dropped else [])
    assert Prover(one).reach(QUESTION).to_json()["accept"] == ["0.0.0.0/0"]


def test_answers_find_the_client_behind_a_mapping() -> None:
    chains = {
        "out": [[{"masquerade": None}]],
        "forward": [[NEW, WEB, accept()], [match("ip", "daddr", "192.168.7.20"), accept()]],
        "raw": [[match("ip", "daddr", "192.168.7.20"), drop()]],  # on the wire it is the gateway's own address
    }
    bases = {
        "out": {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"},
        "forward": {"type": "filter", "hook": "forward", "prio": 0, "policy": "drop"},
        "raw": {"type": "filter", "hook": "prerouting", "prio": -300, "policy": "accept"},
    }
    reach = Prover(gateway(ruleset(chains, bases))).connect(QUESTION).to_json()
    assert reach["drop"] == ["192.168.7.20/32"]  # where the client calls itself
