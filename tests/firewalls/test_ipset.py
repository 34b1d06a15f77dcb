"""``ipset save`` as tables: every type, options, exceptions, and text that is none."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Malformed
from agent.firewalls.iptables import ipset
from agent.firewalls.iptables.elements import ANY_MAC, ANY_NAME
from agent.model.expression import BoxTable, IntervalTable, NamedSet
from agent.model.intervals import Intervals, address_value, name_prefix, name_value

if TYPE_CHECKING:
    from agent.firewalls.iptables.ipset import IpSet

TCP, UDP = (6, 6), (17, 17)


def at(text: str) -> int:
    return address_value(text)[1]


def one(text: str, changed: frozenset[str] = frozenset()) -> IpSet:
    return ipset.parse(text, changed)["s"]


def keys(members: NamedSet) -> Intervals:
    assert isinstance(members.elements, IntervalTable)
    return members.elements.keys


def boxes(members: NamedSet) -> list[tuple[tuple[tuple[int, int], ...], bool]]:
    assert isinstance(members.elements, BoxTable)
    return [(box.sides, box.nomatch) for box in members.elements.boxes]


HOST, NET = (at("10.0.0.1"), at("10.0.0.1")), (at("10.0.0.0"), at("10.0.0.255"))


@pytest.mark.parametrize(
    ("create", "element", "sides"),
    [
        ("hash:ip,port family inet", "10.0.0.1,udp:53", (HOST, UDP, (53, 53))),
        ("hash:ip,port family inet", "10.0.0.1,icmp:echo-request", (HOST, (1, 1), (0x800, 0x800))),
        ("hash:ip,port family inet", "10.0.0.1,icmp:network-redirect", (HOST, (1, 1), (0x500, 0x500))),
        ("hash:ip,port family inet", "10.0.0.1,icmp:77/7", (HOST, (1, 1), (77 * 256 + 7,) * 2)),
        ("hash:ip,port family inet", "10.0.0.1,gre:0", (HOST, (47, 47), (0, 0))),
        ("hash:ip,port family inet", "10.0.0.1,200:0", (HOST, (200, 200), (0, 0))),
        ("hash:ip,port,ip family inet", "10.0.0.1,tcp:80,10.0.0.1", (HOST, TCP, (80, 80), HOST)),
        ("hash:ip,port,net family inet", "10.0.0.1,sctp:9,10.0.0.0/24", (HOST, (132, 132), (9, 9), NET)),
        ("hash:net,port family inet", "10.0.0.0/24,tcp:80", (NET, TCP, (80, 80))),
        ("hash:net,net family inet", "10.0.0.0/24,10.0.0.1", (NET, HOST)),
        ("hash:net,port,net family inet", "10.0.0.0/24,udp:53,10.0.0.0/24", (NET, UDP, (53, 53), NET)),
        ("hash:net,iface family inet", "10.0.0.0/24,eth0", (NET, (name_value("eth0"),) * 2)),
        ("hash:ip,mark family inet", "10.0.0.1,0x00000010", (HOST, (16, 16))),
        ("hash:ip,mac family inet", "10.0.0.1,00:00:00:00:00:05", (HOST, (5, 5))),
        ("bitmap:ip,mac range 10.0.0.0-10.0.0.255", "10.0.0.1,00:00:00:00:00:05", (HOST, (5, 5))),
        ("bitmap:ip,mac range 10.0.0.0-10.0.0.255", "10.0.0.1", (HOST, ANY_MAC)),
    ],
)  # fmt: skip
def test_elements_of_several_dimensions(create: str, element: str, sides: tuple[tuple[int, int], ...]) -> None:
    assert boxes(one(f"create s {create}\nadd s {element}\n").tables.inside) == [(sides, False)]


@pytest.mark.parametrize(
    ("create", "element", "interval"),
    [
        ("hash:ip family inet hashsize 1024", "10.0.0.1", HOST),
        ("hash:ip family inet", "10.0.0.0-10.0.0.255", NET),
        ("hash:ip family inet netmask 24", "10.0.0.0", NET),
        ("hash:ip family inet bitmask 255.255.255.0", "10.0.0.0", NET),
        ("hash:ip family inet6", "2001:db8::5", (at("2001:db8::5"),) * 2),
        ("hash:ip family inet6 netmask 64", "2001:db8::", (at("2001:db8::"), at("2001:db8::ffff:ffff:ffff:ffff"))),
        ("hash:net family inet timeout 300 counters", "10.0.0.0/24 timeout 12 packets 0 bytes 0", NET),
        ("bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24", "10.0.0.0", NET),
        ("hash:mac", "00:00:00:00:01:00", (256, 256)),
    ],
)
def test_elements_of_one_dimension(create: str, element: str, interval: tuple[int, int]) -> None:
    assert list(keys(one(f"create s {create}\nadd s {element}\n").tables.inside)) == [interval]


def test_a_bitmap_of_ports_knows_tcp_and_udp() -> None:
    found = one("create s bitmap:port range 0-65535\nadd s 80\n")
    assert boxes(found.tables.inside) == [((TCP, (80, 80)), False), ((UDP, (80, 80)), False)]
    assert found.tables.inside.family is None


def test_the_longest_prefix_decides() -> None:
    text = "create s hash:net family inet\nadd s 10.0.0.0/8\nadd s 10.1.0.0/16 nomatch\nadd s 10.1.2.0/24\n"
    found = one(text)
    for address, inside, excluded in (
        ("10.2.0.1", True, False), ("10.1.0.1", False, True), ("10.1.2.3", True, False), ("11.0.0.1", False, False),
    ):  # fmt: skip
        assert (at(address) in keys(found.tables.inside)) is inside
        assert (at(address) in keys(found.tables.excluded)) is excluded


def test_types_without_exceptions_do_not_know_return_nomatch() -> None:
    found = one("create s hash:ip family inet\nadd s 10.0.0.1\n").tables
    assert list(keys(found.excluded)) == list(keys(found.inside)) == [HOST]


def test_without_exceptions_nothing_is_excluded() -> None:
    assert not keys(one("create s hash:net family inet\nadd s 10.0.0.0/8\n").tables.excluded)


PREFIX = st.builds(
    lambda value, length: (value >> (8 - length) << (8 - length), length), st.integers(0, 255), st.integers(1, 8)
)


@given(st.dictionaries(PREFIX, st.booleans(), max_size=12))
def test_exceptions_are_cut_out_as_a_search_from_the_longest_prefix_would(entries: dict[tuple[int, int], bool]) -> None:
    lines = [f"add s 10.0.0.{value}/{24 + length}{' nomatch' * out}" for (value, length), out in entries.items()]
    found = keys(one("\n".join(["create s hash:net family inet", *lines, ""])).tables.inside)
    for last in range(256):
        holding = [
            (length, out) for (value, length), out in entries.items() if last >> (8 - length) == value >> (8 - length)
        ]
        expected = bool(holding) and not max(holding)[1]
        assert (at(f"10.0.0.{last}") in found) is expected


def test_boxes_stand_in_the_order_of_the_search() -> None:
    text = (
        "create s hash:net,port,net family inet\nadd s 10.0.0.0/8,tcp:80,0.0.0.0/0\n"
        "add s 10.0.0.0/24,tcp:80,10.0.0.0/8 nomatch\nadd s 10.0.0.0/24,tcp:80,10.0.0.0/24\n"
    )
    lengths = [(sides[0][1] - sides[0][0], sides[3][1] - sides[3][0]) for sides, _ in boxes(one(text).tables.inside)]
    assert lengths == [(0xFF, 0xFF), (0xFF, 0xFFFFFF), (0xFFFFFF, 0xFFFFFFFF)]


def test_of_networks_with_interfaces_the_longest_decides_alone() -> None:
    text = "create s hash:net,iface family inet\nadd s 10.0.0.0/8,eth0\nadd s 10.0.0.0/24,eth wildcard\n"
    whole = at("10.0.0.0"), at("10.255.255.255")
    assert boxes(one(text).tables.inside) == [
        ((NET, name_prefix("eth")), False),
        ((NET, ANY_NAME), True),
        ((whole, (name_value("eth0"),) * 2), False),
    ]


def test_masks_with_holes_are_kept_for_the_key() -> None:
    found = one("create s hash:ip family inet bitmask 255.0.255.0\nadd s 10.0.3.0\n")
    assert found.mask == at("255.0.255.0")
    assert list(keys(found.tables.inside)) == [(at("10.0.3.0"),) * 2]
    assert one("create s hash:ip,mark family inet markmask 0xff00\n").mark_mask == 0xFF00


def test_comments_are_no_options() -> None:
    found = one('create s hash:net family inet comment\nadd s 10.0.0.0/24 comment "nomatch, \\ wildcard"\n')
    assert list(keys(found.tables.inside)) == [NET]


def test_an_empty_set_of_several_dimensions_is_empty_and_not_unknown() -> None:
    assert boxes(one("create s hash:ip,port family inet\n").tables.inside) == []


def test_timeouts_and_changes_by_rules_are_told() -> None:
    text = "create s hash:ip family inet timeout 300\n"
    assert one(text).tables.inside.timeout == 300
    assert one(text.replace("300", "0")).tables.inside.timeout is None
    assert not one(text).tables.inside.dynamic
    assert one(text, frozenset({"s"})).tables.inside.dynamic


def test_lists_name_their_members() -> None:
    assert one("create a hash:ip family inet\ncreate s list:set size 8\nadd s a\n").members == ("a",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("create s hash:net,iface family inet\nadd s 10.0.0.0/8,physdev:eth0\n", "a bridge port"),
        ("create s hash:flow family inet\n", "hash:flow is not modelled"),
        ("create s hash:ip family inet netmask x\n", "options are not understood"),
        ("create s hash:ip family inet netmask 33\n", "options are not understood"),
        ("create s hash:ip family inet\nadd s nonsense\n", "nonsense is not understood"),
        ("create s hash:ip,port family inet\nadd s 10.0.0.1,icmp:nobody-knows\n", "is not understood"),
        ("create s hash:net family inet\nadd s 10.0.0.0-10.0.0.9\n", "a range"),
        ("create s hash:ip family inet\nadd s 10.0.0.12", "cut off in line 2"),
    ],
)
def test_what_is_not_modelled_is_unknown_and_never_empty(text: str, reason: str) -> None:
    assert reason in one(text).unknown


@pytest.mark.parametrize(
    "text", ["hello\n", "add s 1.2.3.4\n", "create s\n", "create s hash:ip family inet\nadd s 1.2.3.4,tcp:5,6\n"]
)
def test_foreign_text_says_where(text: str) -> None:
    with pytest.raises(Malformed, match=r"line \d"):
        ipset.parse(text)


@given(st.text(alphabet=st.sampled_from('create s hash:ip,net\nadd 10.:/-"nomatch6'), max_size=120))
def test_the_reader_fails_in_one_way_only(text: str) -> None:
    with suppress(Malformed):
        ipset.parse(text)
        ipset.parse(f"create s hash:ip,port family inet\nadd s {text}\n")
