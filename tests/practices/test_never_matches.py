"""Rules that earlier ones hide: named with what hides them, and never said of a rule that may match."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.judge.trace import Tracer
from agent.practice.shadow import Earlier, box, changed
from rules.practices.rule_never_matches import find
from tests.judge.build import accept, drop, flow, forward, match, meta
from tests.practices.case import case

CDN = {"prefix": {"addr": "23.32.0.0", "len": 11}}
INSIDE = {"prefix": {"addr": "23.40.0.0", "len": 16}}
LAN = meta("iifname", "lan0")


def to(where: Any, op: str = "==") -> dict[str, Any]:
    return match("ip", "daddr", where, op)


def port(number: Any, op: str = "==") -> dict[str, Any]:
    return match("tcp", "dport", number, op)


LIMIT = {"limit": {"rate": 5, "per": "second"}}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ([to(CDN), drop()], [to(INSIDE), port(443), accept()]),
        ([to(CDN), drop()], [to("23.40.1.2"), LIMIT, accept()]),
        ([to("8.8.8.8", "!="), port(443), drop()], [to(CDN), port(443), accept()]),
        ([to(INSIDE, "!="), drop()], [to(CDN, "!="), accept()]),
        ([port({"range": [400, 500]}), drop()], [LAN, port(443), to(CDN), accept()]),
        ([port(22, "!="), drop()], [port(443), to(CDN), accept()]),
    ],
)
def test_a_broader_rule_hides_a_later_one(first: list[Any], then: list[Any]) -> None:
    (hit,) = find(case(first, then))
    assert [source.handle for source in hit.sources] == [103, 102]
    assert "never matches" in hit.summary


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ([to(INSIDE), drop()], [to(CDN), accept()]),
        ([to(CDN, "!="), drop()], [to(CDN), accept()]),
        ([to(CDN), port(443), drop()], [to(INSIDE), accept()]),
        ([to(CDN), LIMIT, drop()], [to(INSIDE), port(22), accept()]),
        ([LAN, to(CDN), drop()], [to(INSIDE), accept()]),
        ([port(443, "!="), drop()], [port(443), to(CDN), accept()]),
        ([to(CDN), {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}], [to(INSIDE), port(22), accept()]),
        ([to(CDN), drop()], [to({"prefix": {"addr": "10.0.0.0", "len": 8}}), accept()]),
    ],
)
def test_a_rule_that_may_match_is_left_alone(first: list[Any], then: list[Any]) -> None:
    assert not list(find(case(first, then)))


def test_several_rules_hide_one_together() -> None:
    halves = [{"prefix": {"addr": "23.32.0.0", "len": 12}}, {"prefix": {"addr": "23.48.0.0", "len": 12}}]
    (hit,) = find(case(*([to(half), drop()] for half in halves), [to(CDN), port(443), accept()]))
    assert [source.handle for source in hit.sources] == [104, 102, 103]
    assert "and 1 more comes first" in hit.summary


def test_a_mark_that_rules_set_hides_nothing() -> None:
    marked = {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 0}}
    set_mark = {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}
    assert not list(find(case([marked, port(22), drop()], [set_mark], [marked, port(22), to(CDN), accept()])))


PREFIXES = st.sampled_from(["23.0.0.0/30", "23.0.0.0/31", "23.0.0.2/31", "23.0.0.1/32", "23.0.0.3/32"])
CONDITIONS = st.one_of(
    st.tuples(st.just("to"), PREFIXES, st.sampled_from(["==", "!="])),
    st.tuples(st.just("from"), PREFIXES, st.sampled_from(["==", "!="])),
    st.tuples(st.just("port"), st.sampled_from([80, 443]), st.sampled_from(["==", "!="])),
)


def condition(kind: str, value: Any, op: str) -> dict[str, Any]:
    if kind == "port":
        return port(value, op)
    address, _, length = value.partition("/")
    return match("ip", "daddr" if kind == "to" else "saddr", {"prefix": {"addr": address, "len": int(length)}}, op)


@given(st.lists(st.tuples(st.lists(CONDITIONS, max_size=3), st.booleans()), min_size=2, max_size=8))
def test_what_is_hidden_decides_about_no_packet(drawn: list[tuple[list[tuple[str, Any, str]], bool]]) -> None:
    exprs = [[*(condition(*one) for one in some), accept() if yes else drop()] for some, yes in drawn]
    mine = forward(*exprs)
    (table,) = mine.firewall.tables
    rules = table.chains["forward"].rules
    earlier, written = Earlier(), changed(table)
    hidden = []
    for rule in rules:
        here = box(rule, written)
        if earlier.hiding(here):
            hidden.append(rule.handle)
        earlier.add(rule, here)
    if not hidden:
        return
    tracer = Tracer(mine)
    for src in range(4):
        for dst in range(4):
            for number in (80, 443, 22):
                answer = tracer.answer(flow(f"23.0.0.{dst}", src=f"23.0.0.{src}", dport=number))
                assert answer.source is None or answer.source.handle not in hidden
