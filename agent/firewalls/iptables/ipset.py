"""``ipset save``: every type of set, as the kernel would look in it.

The kernel looks for the longest prefix first (net/netfilter/ipset/ip_set_hash_gen.h), dimension after
dimension, and the first element found decides; a ``nomatch`` element excludes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.firewalls.iptables import names
from agent.model.firewall import (
    AnyOf,
    Binary,
    Box,
    BoxTable,
    Concat,
    Elements,
    Expr,
    Field,
    IntervalTable,
    Literal,
    Match,
    NamedSet,
    Read,
    Uncertain,
    UnknownTable,
)
from agent.model.intervals import Interval, Intervals, address_value, name_prefix, name_value, prefix_interval
from agent.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ARTIFACT: Final = "ipset.txt"
PORT_PROTOCOLS: Final = {"tcp": 6, "udp": 17, "sctp": 132, "udplite": 136, "icmp": 1, "icmpv6": 58}
ICMP_CODE_PAIR: Final = Binary("|", Binary("<<", Read(Field.ICMP_TYPE), Literal(8)), Read(Field.ICMP_CODE))


@dataclass(slots=True)
class IpSet:
    """One set: its dimensions (``ip``, ``net``, ``port``, ``mac``, ``iface``, ``mark``, ``set``) and elements."""

    name: str
    dimensions: tuple[str, ...]
    family: int | None
    mask: int | None = None
    wildcard: bool = False
    bitmap: bool = False
    line: int = 0
    entries: list[tuple[list[tuple[Interval, int]], bool]] = field(default_factory=list)
    """Sides with their prefix lengths, and whether the element excludes."""
    members: list[str] = field(default_factory=list)
    icmp: bool = False
    portless: bool = False
    """Holds elements of protocols that have no ports: they stand with port 0."""
    unknown: str = ""
    content: NamedSet | None = None


def parse(text: str) -> dict[str, IpSet]:
    """All sets of a dump by name; raises Malformed where a line is none of ``ipset save``."""
    sets: dict[str, IpSet] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        words = raw.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "create" and len(words) >= 3:
            sets[words[1]] = _create(words, number)
        elif words[0] == "add" and len(words) >= 3 and words[1] in sets:
            _add(sets[words[1]], words, number)
        else:
            raise Malformed(f"line {number}: {raw[:60]!r} is not understood", line=number)
    for one in sets.values():
        one.content = NamedSet(_elements(one), one.name, "ipset", one.family, True, None, _source(one))  # noqa: FBT003 - dynamic
    return sets


def _source(one: IpSet) -> Source:
    return Source(ARTIFACT, f"ipset {one.name}", one.line)


def _create(words: Sequence[str], number: int) -> IpSet:
    method, _, dimensions = words[2].partition(":")
    options = dict(itertools.pairwise(words))
    parts = tuple(part for part in dimensions.split(",") if part)
    addressed = bool({"ip", "net"} & set(parts))
    family = (6 if options.get("family") == "inet6" else 4) if addressed else None
    one = IpSet(words[1], parts, family, line=number, wildcard="wildcard" in words, bitmap=method == "bitmap")
    width = 128 if family == 6 else 32
    if "netmask" in options:
        length = int(options["netmask"])
        one.mask = ((1 << length) - 1) << (width - length)
    elif "bitmask" in options:
        one.mask = address_value(options["bitmask"])[1]
    if method not in ("hash", "bitmap", "list") or not parts:
        one.unknown = f"ipset type {words[2]} is not modelled"
    return one


def _add(one: IpSet, words: Sequence[str], number: int) -> None:
    if one.dimensions == ("set",):
        one.members.append(words[2])
        return
    parts = words[2].split(",")
    if len(parts) != len(one.dimensions):
        if one.dimensions[:1] == ("ip",) and len(parts) == 1 and len(one.dimensions) == 2:
            one.unknown = "an element without its second part matches whatever that is"
            return
        raise Malformed(f"line {number}: element {words[2]!r} does not fit {','.join(one.dimensions)}", line=number)
    sides: list[tuple[Interval, int]] = []
    try:
        for part, dimension in zip(parts, one.dimensions, strict=True):
            sides.extend(_side(one, dimension, part))
    except ValueError as error:
        one.unknown = f"element {words[2]!r} is not understood: {error}"
        return
    if one.bitmap and one.dimensions == ("port",):  # such sets know TCP and UDP (ip_set_get_ip_port)
        one.entries.extend(([((number, number), 0), *sides], False) for number in (6, 17))
        return
    one.entries.append((sides, "nomatch" in words[3:]))


def _side(one: IpSet, dimension: str, text: str) -> list[tuple[Interval, int]]:
    match dimension:
        case "ip" | "net":
            return [_addresses(text, 128 if one.family == 6 else 32)]
        case "port":
            return [((low, high), 0) for low, high in _port(one, text)]
        case "mac":
            value = int(text.replace(":", ""), 16)
            return [((value, value), 0)]
        case "mark":
            value = int(text, 0)
            return [((value, value), 0)]
        case "iface":
            if text.startswith("physdev:"):
                raise ValueError("a bridge port is not modelled")
            if one.wildcard:
                return [(name_prefix(text), 0)]
            return [((name_value(text), name_value(text)), 0)]
        case _:
            raise ValueError(f"dimension {dimension}")


def _addresses(text: str, width: int) -> tuple[Interval, int]:
    """An address, prefix or range, with its prefix length."""
    if "-" in text:
        low, _, high = text.partition("-")
        return (address_value(low)[1], address_value(high)[1]), width
    length = int(text.partition("/")[2] or width)
    return prefix_interval(text)[1], length


def _port(one: IpSet, text: str) -> list[Interval]:
    """Protocol and port (type and code for ICMP); a bitmap holds ports alone."""
    protocol, colon, port = text.partition(":")
    if not colon:
        protocol, port = "tcp", text
    if one.bitmap:
        return [names.numbers(port, "-")]
    number = PORT_PROTOCOLS.get(protocol) or names.PROTOCOLS.get(protocol)
    if number is None:
        number = int(protocol)
    if number not in PORT_PROTOCOLS.values():
        one.portless = True
    if number in (1, 58):
        one.icmp = True
        kind, slash, code = port.partition("/")
        if slash:
            value = int(kind) << 8 | int(code)
        else:
            table = names.ICMP_TYPES if number == 1 else names.ICMPV6_TYPES
            first, second = table[port]
            value = first << 8 | (second[0] if second[0] == second[1] else 0)
        return [(number, number), (value, value)]
    return [(number, number), names.numbers(port, "-")]


def _elements(one: IpSet) -> Elements:
    if one.unknown:
        return UnknownTable(one.unknown)
    entries = sorted(one.entries, key=lambda entry: [-length for _, length in entry[0]])
    if any(len(sides) > 1 for sides, _ in entries) or "port" in one.dimensions:
        return BoxTable(tuple(Box(tuple(side for side, _ in sides), None, excluded) for sides, excluded in entries))
    if not any(excluded for _, excluded in entries):
        return IntervalTable(Intervals.of(sides[0][0] for sides, _ in entries))
    found = Intervals()
    for sides, excluded in reversed(entries):  # the shortest prefix first: longer ones override it
        span = Intervals.span(*sides[0][0])
        found = found - span if excluded else found | span
    return IntervalTable(found)


def match_set(
    sets: Mapping[str, IpSet], name: str, directions: Sequence[str], *, negated: bool
) -> Match | AnyOf | Uncertain:
    """The condition of ``--match-set NAME DIRECTIONS``."""
    one = sets.get(name)
    if one is None:
        unknown = NamedSet(UnknownTable(f"set {name} is not listed by ipset"), name, "ipset")
        return Match(Read(Field.SADDR), unknown, negated)
    if one.unknown:
        return Uncertain(f"set {name}: {one.unknown}")
    if one.dimensions == ("set",):
        found: list[Match] = []
        for member in one.members:
            inner = sets.get(member)
            if inner is None or inner.unknown or inner.dimensions == ("set",):
                return Uncertain(f"set {name}: member {member} is not modelled")
            if len(inner.dimensions) <= len(directions):
                found.extend(_matches(inner, directions))
        return AnyOf(tuple(found), negated)
    if len(one.dimensions) > len(directions):
        # the kernel refuses fewer directions than dimensions when it loads the rule
        return Uncertain(f"set {name}: {','.join(directions)} does not fit its type")
    alternatives = _matches(one, directions)
    if len(alternatives) == 1:
        only = alternatives[0]
        return Match(only.expr, only.members, negated, absent_is_outside=True)
    return AnyOf(tuple(alternatives), negated)


def _matches(one: IpSet, directions: Sequence[str]) -> list[Match]:
    """Conditions of which one must hold: ICMP has type and code where others have ports."""
    content = one.content or NamedSet(UnknownTable("no elements"))
    found = [Match(key(one, directions), content, absent_is_outside=True)]
    if one.icmp:
        found.append(Match(key(one, directions, port=ICMP_CODE_PAIR), content, absent_is_outside=True))
    if one.portless:
        rest = NamedSet(_portless(one, content.elements), one.name, "ipset", one.family, True, None, content.source)  # noqa: FBT003 - dynamic
        found.append(Match(key(one, directions, port=Literal(0)), rest, absent_is_outside=True))
    return found


def _portless(one: IpSet, elements: Elements) -> Elements:
    """The elements of protocols without ports: get_port() in ip_set_getport.c leaves their port 0."""
    side = one.dimensions.index("port")
    if not isinstance(elements, BoxTable):
        return elements
    with_ports = PORT_PROTOCOLS.values()
    return BoxTable(tuple(box for box in elements.boxes if box.sides[side][0] not in with_ports))


def key(one: IpSet, directions: Sequence[str], *, port: Expr | None = None) -> Expr:
    """What is looked up: one expression for each side of the elements; ``port`` stands in for the ports."""
    parts: list[Expr] = []
    for dimension, direction in zip(one.dimensions, directions, strict=False):
        source = direction == "src"
        match dimension:
            case "ip" | "net":
                read: Expr = Read(Field.SADDR if source else Field.DADDR)
                parts.append(Binary("&", read, Literal(one.mask)) if one.mask is not None else read)
            case "port":
                ports: Expr = port or Read(Field.SPORT if source else Field.DPORT)
                parts.extend([Read(Field.L4PROTO), ports])
            case "mac":
                parts.append(Read(Field.SMAC if source else Field.DMAC))
            case "iface":
                parts.append(Read(Field.IIFNAME if source else Field.OIFNAME))
            case _:
                parts.append(Read(Field.MARK))
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))
