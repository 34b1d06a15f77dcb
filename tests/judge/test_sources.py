"""Clients that rules tell apart are proved one by one; where there are too many groups, the rules are named."""

from __future__ import annotations

from agent.judge.cuts import Axis
from agent.judge.sources import MAX_CLASSES, Sources
from agent.model.expression import Field
from agent.model.intervals import Intervals, prefix_interval
from tests.judge.build import accept, drop, forward, match

CLIENTS = Intervals.span(*prefix_interval("192.168.7.0/24")[1])
AXIS = Axis(Field.SADDR, 4, ())


def one_host(number: int) -> dict[str, object]:
    return match("ip", "saddr", f"192.168.7.{number}")


def test_clients_that_no_rule_tells_apart_are_one_class() -> None:
    gateway = forward([match("ip", "saddr", {"prefix": {"addr": "10.0.0.0", "len": 8}}), drop()], [accept()])
    found = Sources(gateway.firewall, AXIS).classes(CLIENTS)
    assert [one.addresses for one in found.classes] == [CLIENTS]
    assert not found.told_apart_by


def test_each_group_is_a_class_the_largest_first() -> None:
    gateway = forward([one_host(7), drop()], [one_host(9), drop()], [accept()])
    found = Sources(gateway.firewall, AXIS).classes(CLIENTS)
    assert [one.addresses.size() for one in found.classes] == [254, 1, 1]
    assert not found.told_apart_by


def test_too_many_groups_name_the_rules_that_make_them() -> None:
    elsewhere = [match("ip", "saddr", "10.9.9.9"), drop()]
    gateway = forward(elsewhere, *([one_host(number), drop()] for number in range(10, 40)), [accept()])
    found = Sources(gateway.firewall, AXIS).classes(CLIENTS)
    assert len(found.classes) == MAX_CLASSES
    texts = [str(rule.wording) for _, _, rule in found.told_apart_by if rule]
    assert texts[0] == "ip saddr 192.168.7.10 drop"
    assert "ip saddr 10.9.9.9 drop" not in texts
