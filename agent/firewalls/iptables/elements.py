"""Elements of sets, and tables of them that decide as the kernel does.

A hash looks for the longest prefix first, dimension after dimension, and the first element that is found
decides (mtype_test_cidrs in net/netfilter/ipset/ip_set_hash_gen.h); a ``nomatch`` element excludes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agent.firewalls.iptables import names
from agent.firewalls.iptables.headers import address, network
from agent.model.expression import Box, BoxTable, IntervalTable
from agent.model.intervals import Interval, Intervals, name_prefix, name_value

if TYPE_CHECKING:
    from collections.abc import Sequence

ICMP: Final = frozenset({1, 58})
"""Protocols with type and code in place of a port (get_port in ip_set_getport.c)."""
PORTED: Final = frozenset({6, 17, 132, 136})
"""Protocols whose ports are compared: tcp, udp, sctp, udplite; all others have port 0."""
WIDTHS: Final = {4: 32, 6: 128}
ANY_NAME: Final = (0, (1 << 128) - 1)
ANY_MAC: Final = (0, (1 << 48) - 1)


class Element(NamedTuple):
    """One element: an interval and a prefix length (0 where there is none) for each side."""

    sides: tuple[Interval, ...]
    lengths: tuple[int, ...]
    nomatch: bool


def element(parts: Sequence[str], dimensions: Sequence[str], family: int, *, nomatch: bool, wildcard: bool) -> Element:
    """Read an element, one part for each dimension; a port has two sides, its protocol first. Raises ValueError."""
    sides: list[Interval] = []
    lengths: list[int] = []
    for part, dimension in zip(parts, dimensions, strict=True):
        length = 0
        match dimension:
            case "ip" | "net":
                side, length = _addresses(part, family, net=dimension == "net")
            case "port":
                protocol, side = _port(part)
                sides.append(protocol)
                lengths.append(0)
            case "mac":
                value = int(part.replace(":", ""), 16) if part else 0
                side = (value, value) if part else ANY_MAC
            case "mark":
                value = int(part, 0)
                side = (value, value)
            case _:
                side = _interface(part, wildcard=wildcard)
        sides.append(side)
        lengths.append(length)
    return Element(tuple(sides), tuple(lengths), nomatch)


def _addresses(text: str, family: int, *, net: bool) -> tuple[Interval, int]:
    if "-" not in text:
        _, slash, length = text.partition("/")
        return network(text, family), int(length) if slash else WIDTHS[family]
    low, _, high = text.partition("-")
    span = address(low, family), address(high, family)
    if net or span[0] > span[1]:  # the kernel would make prefixes of it; ipset save prints those
        raise ValueError("a range of networks")
    return span, WIDTHS[family]


def _port(text: str) -> tuple[Interval, Interval]:
    """``[protocol:]port``; for ICMP type and code as type * 256 + code."""
    name, colon, port = text.partition(":")
    if not colon:
        name, port = "tcp", text
    number = names.protocol(name)
    if number not in ICMP:
        return (number, number), names.numbers(port, "-")
    kind, codes = names.icmp(port, 4 if number == 1 else 6)
    value = kind << 8 | (codes[0] if codes[0] == codes[1] else 0)
    return (number, number), (value, value)


def _interface(text: str, *, wildcard: bool) -> Interval:
    if text.startswith("physdev:"):
        raise ValueError("a bridge port")
    return name_prefix(text) if wildcard else (name_value(text), name_value(text))


def interval_table(elements: Sequence[Element]) -> IntervalTable:
    """The table of elements with one side, exceptions taken out."""
    if not any(one.nomatch for one in elements):
        return IntervalTable(Intervals.of(one.sides[0] for one in elements))
    pairs: list[Interval] = []
    around: list[tuple[int, bool]] = []  # prefixes that hold the position, outermost first: last address, inside
    position = 0

    def leave(before: int) -> None:
        nonlocal position
        while around and around[-1][0] < before:
            last, inside = around.pop()
            if inside and position <= last:
                pairs.append((position, last))
            position = max(position, last + 1)

    for low, outer, nomatch in sorted((one.sides[0][0], -one.sides[0][1], one.nomatch) for one in elements):
        leave(low)
        if around and around[-1][1] and position < low:
            pairs.append((position, low - 1))
        position = low
        around.append((-outer, not nomatch))
    leave(1 << 129)
    return IntervalTable(Intervals.of(pairs))


def box_table(elements: Sequence[Element], dimensions: Sequence[str]) -> BoxTable:
    """The table of elements with several sides, in the order in which the kernel tries them."""
    ordered = elements
    by_interface = dimensions[-1] == "iface"
    if by_interface or any(one.nomatch for one in elements):
        ordered = sorted(elements, key=lambda one: [-length for length in one.lengths])
    if by_interface:
        return BoxTable(tuple(_with_stops(ordered)))
    return BoxTable(tuple(Box(one.sides, None, one.nomatch) for one in ordered))


def _with_stops(ordered: Sequence[Element]) -> list[Box]:
    """Let the longest prefix decide whatever its interface: where it names another, no shorter one is tried.

    (``multi`` in mtype_test_cidrs and hash_netiface4_data_equal.)
    """
    boxes: list[Box] = []
    stops: dict[Interval, None] = {}
    for at, one in enumerate(ordered):
        if at and one.lengths != ordered[at - 1].lengths:
            boxes.extend(Box((span, ANY_NAME), None, nomatch=True) for span in stops)
            stops.clear()
        stops[one.sides[0]] = None
        boxes.append(Box(one.sides, None, one.nomatch))
    return boxes
