"""nft's JSON: values, implied conditions, sets and maps, bad input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.firewalls.nftables import KIND
from agent.firewalls.nftables.read import parse
from agent.firewalls.nftables.statements import Reader
from agent.model.expression import Binary, BoxTable, Field, IntervalTable, Literal, NamedSet, Read
from agent.model.firewall import Match, NotUnderstood, Step, Uncertain, Vmap
from agent.model.intervals import Intervals
from tests.judge.build import FORWARD, drop, match, ruleset

TCP = Match(Read(Field.L4PROTO), Intervals.single(6))
IPV4 = Match(Read(Field.NFPROTO), Intervals.single(2))


def steps(*statements: dict[str, Any], family: str = "inet") -> tuple[Step, ...]:
    return Reader(family, {}).read(list(statements))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (match("tcp", "dport", 443), (TCP, Match(Read(Field.DPORT), Intervals.single(443)))),
        (match("ip", "daddr", "1.2.3.4", "!="),
         (IPV4, Match(Read(Field.DADDR), Intervals.single(0x01020304), negated=True))),
        (match("th", "dport", 53), (Match(Read(Field.DPORT), Intervals.single(53)),)),
        ({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}},
         (Match(Binary("&", Read(Field.CT_STATE), Literal(6)), Intervals.single(0), negated=True),)),
        ({"match": {"op": "!=", "left": {"ct": {"key": "state"}}, "right": {"|": ["established", "related"]}}},
         (Match(Read(Field.CT_STATE), Intervals.single(6), negated=True),)),
        (match("tcp", "flags", {"set": ["syn"]}), (TCP, Match(Read(Field.TCP_FLAGS), Intervals.single(2)))),
        ({"limit": {"rate": 5, "per": "minute"}}, (Uncertain("limit rate 5/minute"),)),
        ({"counter": {"packets": 1, "bytes": 2}}, ()),
        ({"xt": {"type": "match", "name": "multiport"}}, (Uncertain("iptables match multiport", understood=False),)),
        ({"hovercraft": {}}, (NotUnderstood("hovercraft"),)),
    ],
)  # fmt: skip
def test_statements(statement: dict[str, Any], expected: tuple[Step, ...]) -> None:
    assert steps(statement) == expected


def test_a_familys_own_condition_is_left_out() -> None:
    assert steps(match("ip", "daddr", "1.2.3.4"), family="ip") == (
        Match(Read(Field.DADDR), Intervals.single(0x01020304)),
    )


def test_the_catch_all_takes_the_rest() -> None:
    verdicts = {"set": [[22, {"accept": None}], ["*", drop()]]}
    _, found = steps({"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": verdicts}})
    assert isinstance(found, Vmap)
    assert isinstance(found.table.elements, IntervalTable)
    assert (0 in found.table.elements.keys, 65535 in found.table.elements.keys) == (True, True)


def test_concatenations_are_boxes() -> None:
    left = {
        "concat": [
            {"payload": {"protocol": "ip", "field": "daddr"}},
            {"payload": {"protocol": "tcp", "field": "dport"}},
        ]
    }
    right = {"set": [{"concat": [{"prefix": {"addr": "10.0.0.0", "len": 8}}, {"range": [80, 90]}]}]}
    *_, found = steps({"match": {"op": "==", "left": left, "right": right}})
    assert isinstance(found, Match)
    assert isinstance(found.members, NamedSet)
    assert isinstance(found.members.elements, BoxTable)
    assert found.members.elements.boxes[0].sides == ((0x0A000000, 0x0AFFFFFF), (80, 90))


def test_a_dormant_table_filters_nothing() -> None:
    document = json.loads(ruleset({"forward": [[drop()]]}, {"forward": FORWARD}))
    document["nftables"][1]["table"]["flags"] = ["dormant"]
    (table,), _ = parse(json.dumps(document).encode(), "nft.json")
    assert table.chains["forward"].base is None


def test_rules_read_like_nft_prints_them() -> None:
    (table,), _ = parse(ruleset({"forward": [[match("tcp", "dport", {"set": [80, 443]}), drop()]]}, {}), "nft.json")
    assert str(table.chains["forward"].rules[0].wording) == "tcp dport { 80, 443 } drop"


@pytest.mark.parametrize("data", [b'{"nftables": [', b"[]", b'{"tables": []}', b"hello"])
def test_foreign_json_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data, "nft.json")


def two_tables() -> list[dict[str, Any]]:
    """Two tables one behind the other, with a comment and a set that look like the seams between rules."""
    first = json.loads(ruleset({"forward": [[match("tcp", "dport", 80), drop()], [drop()]]}, {"forward": FORWARD}))
    second = json.loads(ruleset({"forward": [[drop()]], "more": [[drop()]]}, {"forward": FORWARD}, "ip"))
    objects: list[dict[str, Any]] = [*first["nftables"], *second["nftables"][1:]]
    seam = next(one["rule"] for one in objects if "rule" in one)
    seam["comment"] = '}, {"rule": {"family": "inet"}}, {"table": {"family": '
    seam["expr"].insert(
        1, {"set": {"op": "add", "elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "set": "@d"}}
    )
    return objects


def shape(data: bytes) -> list[tuple[str, str, list[tuple[str, Any, str]]]]:
    tables, gaps = parse(data, "nft.json")
    assert not gaps
    return [
        (table.title, chain.name, [(str(rule.wording), rule.handle, rule.comment) for rule in chain.rules])
        for table in tables
        for chain in table.chains.values()
    ]


def test_rules_are_read_one_by_one_wherever_they_stand() -> None:
    objects = two_tables()
    found = shape(json.dumps({"nftables": objects}).encode())
    assert [len(rules) for _, _, rules in found] == [2, 1, 1]
    assert found[0][2][0][2] == objects[3]["rule"]["comment"]
    assert found == shape(json.dumps({"nftables": objects}, indent=1).encode())  # and in another layout
    assert found == shape(json.dumps({"nftables": objects}).encode() + b"\n")
    turned = [
        *objects[:1],
        *sorted(objects[1:], key=lambda one: ["table", "set", "chain", "rule"].index(next(iter(one)))),
    ]
    assert found == shape(json.dumps({"nftables": turned}).encode())


@settings(max_examples=200)
@given(st.integers(1, 2000), st.sampled_from([None, 1]))
def test_a_listing_that_was_cut_off_is_refused(cut: int, indent: int | None) -> None:
    data = json.dumps({"nftables": two_tables()}, indent=indent).encode()
    with pytest.raises(Malformed):
        parse(data[: -1 - cut % (len(data) - 1)], "nft.json")


def test_dumps_are_recognised_by_content() -> None:
    assert KIND.recognise(b'{"nftables": []}') == "nft.json"
    assert KIND.recognise(b'{"findings": []}') is None
