"""Sets as the kernel looks in them."""

from __future__ import annotations

import pytest

from agent.errors import Malformed
from agent.firewalls.iptables import ipset
from agent.model.firewall import BoxTable, IntervalTable, UnknownTable
from agent.model.intervals import address_value


def members(text: str, name: str = "s") -> IntervalTable:
    content = ipset.parse(text)[name].content
    assert content is not None
    assert isinstance(content.elements, IntervalTable)
    return content.elements


def test_the_longest_prefix_decides() -> None:
    keys = members(
        "create s hash:net family inet\nadd s 10.0.0.0/8\nadd s 10.1.0.0/16 nomatch\nadd s 10.1.2.0/24\n"
    ).keys
    for address, inside in (("10.2.0.1", True), ("10.1.0.1", False), ("10.1.2.3", True), ("11.0.0.1", False)):
        assert (address_value(address)[1] in keys) is inside


def test_a_port_is_two_sides() -> None:
    content = ipset.parse("create s hash:ip,port family inet\nadd s 10.0.0.1,udp:53\nadd s 10.0.0.1,gre:0\n")[
        "s"
    ].content
    assert content is not None
    assert isinstance(content.elements, BoxTable)
    assert {box.sides[1:] for box in content.elements.boxes} == {((17, 17), (53, 53)), ((47, 47), (0, 0))}


def test_what_is_not_modelled_is_unknown_and_never_empty() -> None:
    content = ipset.parse("create s hash:net,iface family inet\nadd s 10.0.0.0/8,physdev:eth0\n")["s"].content
    assert content is not None
    assert isinstance(content.elements, UnknownTable)


@pytest.mark.parametrize(
    "text", ["hello\n", "add s 1.2.3.4\n", "create s hash:ip family inet\nadd s 1.2.3.4,tcp:5,6\n"]
)
def test_foreign_text_says_where(text: str) -> None:
    with pytest.raises(Malformed, match=r"line \d"):
        ipset.parse(text)
