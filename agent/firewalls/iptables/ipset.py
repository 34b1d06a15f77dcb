"""``ipset save``: sets of every type."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.errors import Malformed
from agent.firewalls.iptables import names
from agent.firewalls.iptables.elements import ICMP, PORTED, Element, box_table, element, interval_table
from agent.firewalls.iptables.headers import ALL_BITS, address
from agent.firewalls.iptables.listings import SETS
from agent.model.expression import Elements, NamedSet, UnknownTable
from agent.model.record import record
from agent.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD: Final = 0xFFFFFFFF
DIMENSIONS: Final = frozenset({"ip", "net", "port", "mac", "iface", "mark", "set"})


class Tables(NamedTuple):
    """The keys that are in a set, and those that match with ``--return-nomatch``: a ``nomatch`` element decides."""

    inside: NamedSet
    excluded: NamedSet


@record
class IpSet:
    """One set: what its elements are made of, and the elements."""

    name: str
    dimensions: tuple[str, ...]
    tables: Tables
    portless: Tables | None = None
    """Elements of protocols that have no ports."""
    icmp: bool = False
    """Whether there are elements with types and codes of ICMP."""
    mask: int | None = None
    """Lay this mask over addresses before looking (a mask with holes)."""
    mark_mask: int = WORD
    members: tuple[str, ...] = ()
    """For a list: the sets that it lists."""

    @property
    def unknown(self) -> str:
        """Why the elements are not known; empty where they are."""
        elements = self.tables.inside.elements
        return elements.reason if isinstance(elements, UnknownTable) else ""


@dataclass(slots=True)
class _Listing:
    """A set while its lines are read."""

    name: str
    type: str
    line: int
    dimensions: tuple[str, ...] = ()
    family: int | None = None
    mask: int | None = None
    mark_mask: int = WORD
    timeout: int | None = None
    elements: list[Element] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    unknown: str = ""


def parse(text: str, changed: frozenset[str] = frozenset()) -> dict[str, IpSet]:
    """All sets of a dump by name; ``changed`` are those that rules add to or take from.

    Raises Malformed where a line is none of ``ipset save``. There is no closing line, so a dump whose last
    line does not end has been cut: the elements of its last set are unknown.
    """
    listings: dict[str, _Listing] = {}
    current: _Listing | None = None
    lines = text.split("\n")
    for number, raw in enumerate(lines, 1):
        words = (re.sub(r'"[^"]*"?', "", raw) if '"' in raw else raw).split()  # without comments of elements
        if not words or words[0][0] == "#":
            continue
        if words[0] == "add" and len(words) >= 3 and words[1] in listings:
            current = listings[words[1]]
            _add(current, words, number)
        elif words[0] == "create" and len(words) >= 3:
            current = listings[words[1]] = _create(words, number)
        else:
            raise Malformed(f"line {number}: {raw[:60]!r} is not understood", line=number)
    if current is not None and lines[-1]:
        current.unknown = f"the listing is cut off in line {len(lines)}"
    return {name: _finished(one, changed=name in changed) for name, one in listings.items()}


def _create(words: Sequence[str], number: int) -> _Listing:
    """Read ``create NAME TYPE [option value | flag]...``."""
    method, _, rest = words[2].partition(":")
    one = _Listing(words[1], words[2], number, tuple(rest.split(",")))
    if method not in ("hash", "bitmap", "list") or not DIMENSIONS.issuperset(one.dimensions):
        one.unknown = f"its type {words[2]} is not modelled"
        return one
    options = dict(itertools.pairwise([*words[3:], ""]))
    if {"ip", "net"} & set(one.dimensions):
        one.family = 6 if options.get("family") == "inet6" else 4
    try:
        if "netmask" in options:
            width = 128 if one.family == 6 else 32
            one.mask = names.netmask(options["netmask"], width)
        elif "bitmask" in options:
            one.mask = address(options["bitmask"], one.family or 4)
        if "markmask" in options:
            one.mark_mask = int(options["markmask"], 0)
        if "timeout" in options:
            one.timeout = int(options["timeout"]) or None
    except ValueError as error:
        one.unknown = f"its options are not understood: {error}"
    return one


def _add(one: _Listing, words: Sequence[str], number: int) -> None:
    """Read ``add NAME ELEMENT [nomatch] [wildcard] [timeout N]...``."""
    if one.dimensions == ("set",):
        one.members.append(words[2])
        return
    if one.unknown:
        return
    parts = words[2].split(",")
    if len(parts) == 1 and one.dimensions == ("ip", "mac"):
        parts.append("")  # any sender matches, until the first has filled in its address (bitmap_ipmac_do_test)
    if len(parts) != len(one.dimensions):
        kind = ",".join(one.dimensions)
        raise Malformed(f"line {number}: element {words[2]!r} does not fit {kind}", line=number)
    nomatch, wildcard = "nomatch" in words[3:], "wildcard" in words[3:]
    try:
        found = element(parts, one.dimensions, one.family or 4, nomatch=nomatch, wildcard=wildcard)
    except ValueError as error:
        one.unknown = f"its element {words[2]} is not understood: {error}"
        return
    one.elements.append(found)


def _finished(one: _Listing, *, changed: bool) -> IpSet:
    mask = one.mask
    if mask is not None:
        rest = mask ^ ALL_BITS[one.family or 4]
        if not rest & (rest + 1):  # a prefix: the elements grow instead
            one.elements = [_grown(some, one.dimensions, rest) for some in one.elements]
            mask = None
    portless, icmp = None, False
    if one.type == "bitmap:port":  # ip_set_get_ip_port knows the ports of tcp and udp only
        one.elements = [
            some._replace(sides=((number, number), some.sides[1])) for number in (6, 17) for some in one.elements
        ]
    elif "port" in one.dimensions:
        at = one.dimensions.index("port")
        protocols = {some.sides[at][0] for some in one.elements}
        icmp = changed or not protocols.isdisjoint(ICMP)
        if changed or protocols - PORTED - ICMP:
            others = [some for some in one.elements if some.sides[at][0] not in PORTED | ICMP]
            portless = _tables(one, others, changed=changed)
    return IpSet(
        one.name,
        one.dimensions,
        _tables(one, one.elements, changed=changed),
        portless,
        icmp,
        mask,
        one.mark_mask,
        tuple(one.members),
    )


def _grown(some: Element, dimensions: Sequence[str], rest: int) -> Element:
    """All addresses that the mask turns into one of the element's."""
    at = 0
    sides = list(some.sides)
    for dimension in dimensions:
        if dimension in ("ip", "net"):
            low, high = sides[at]
            sides[at] = low & ~rest, high | rest
        at += 2 if dimension == "port" else 1
    return some._replace(sides=tuple(sides))


def _tables(one: _Listing, elements: Sequence[Element], *, changed: bool) -> Tables:
    turned: Sequence[Element] = ()
    if "net" not in one.dimensions:  # types without exceptions do not know --return-nomatch (IPSET_TYPE_NOMATCH)
        turned = elements
    elif any(some.nomatch for some in elements):  # exceptions as members, and members as exceptions
        turned = [some._replace(nomatch=not some.nomatch) for some in elements]
    source = Source(SETS, f"create {one.name} {one.type}", one.line)
    inside, excluded = (
        NamedSet(_table(one, some), one.name, "ipset", one.family, changed, one.timeout, source)
        for some in (elements, turned)
    )
    return Tables(inside, excluded)


def _table(one: _Listing, elements: Sequence[Element]) -> Elements:
    if one.unknown:
        return UnknownTable(one.unknown)
    if len(one.dimensions) == 1 and one.dimensions != ("port",):
        return interval_table(elements)
    return box_table(elements, one.dimensions)
