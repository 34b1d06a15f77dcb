"""What rules look at and compare with: fields of a packet, expressions over them, sets and maps.

Values are integers of the field's width.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from agent.model.intervals import Intervals
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.firewall import Verdict
    from agent.model.intervals import Interval
    from agent.model.source import Source


class Field(IntEnum):
    """What a rule can read of a packet; the comment gives width in bits and encoding."""

    NFPROTO = 0  # 8: 2 = IPv4, 10 = IPv6 (include/uapi/linux/netfilter.h)
    IIFNAME = 1  # 128: see intervals.name_value; 0 where there is none
    OIFNAME = 2  # 128: likewise; 0 in prerouting and input
    SADDR = 3  # 32 or 128
    DADDR = 4  # 32 or 128
    L4PROTO = 5  # 8: protocol number
    SPORT = 6  # 16: tcp, udp, udplite, sctp, dccp
    DPORT = 7  # 16: likewise
    TCP_FLAGS = 8  # 8: fin 1, syn 2, rst 4, psh 8, ack 16, urg 32, ecn 64, cwr 128
    ICMP_TYPE = 9  # 8: of ICMP or ICMPv6
    ICMP_CODE = 10  # 8
    CT_STATE = 11  # bits of CtState
    CT_DIRECTION = 12  # 8: 0 original, 1 reply; absent without conntrack
    CT_STATUS = 13  # 32: bits of include/uapi/linux/netfilter/nf_conntrack_common.h
    CT_MARK = 14  # 32; absent without conntrack
    MARK = 15  # 32
    PKTTYPE = 16  # 8: 0 host, 1 broadcast, 2 multicast, 3 other
    TTL = 17  # 8: or hop limit; unknown for a packet in general
    DSCP = 18  # 6: unknown for a packet in general
    LENGTH = 19  # 16: unknown for a packet in general
    SMAC = 20  # 48: unknown for a packet in general
    DMAC = 21  # 48: likewise
    SKUID = 22  # 32: owner of the local socket; absent when forwarded, else unknown
    SKGID = 23  # 32: likewise
    TCP_SEQ = 24  # 32: of no interest, always unknown; the last of the fields


class CtState(IntEnum):
    """Connection states as nftables numbers them (nft_ct, NF_CT_STATE_BIT)."""

    INVALID = 1
    ESTABLISHED = 2
    RELATED = 4
    NEW = 8
    UNTRACKED = 64


# ---- values -------------------------------------------------------------------------------------------


@record
class Read:
    """The value of one field; a rule that reads a field its packet lacks does not match."""

    field: Field


@record
class Literal:
    """A constant."""

    value: int


@record
class Binary:
    """``left op right`` with op one of ``& | ^ << >>`` (shifts keep the field's 32 bits)."""

    op: str
    left: Expr
    right: Expr


@record
class Concat:
    """Several values side by side, matched against a :class:`BoxTable`."""

    parts: tuple[Expr, ...]


@record
class Lookup:
    """The data that a map holds for a key; no element means the rule does not match."""

    key: Expr
    table: NamedSet


@record
class Fib:
    """A routing question about an address: its type, or the interface that leads to it.

    ``result`` is ``type`` (RTN_* of include/uapi/linux/rtnetlink.h: 1 unicast, 2 local, 3 broadcast,
    4 anycast, 5 multicast, 6 blackhole, 7 unreachable, 8 prohibit), ``oifname`` (0: no route),
    ``present`` (0 or 1) or ``rpfilter`` (1 where iptables' match of that name finds a way back). ``iface``
    limits the question to that interface field; ``mark`` uses the packet's mark.
    """

    address: Field
    result: str
    iface: Field | None = None
    mark: bool = False


@record
class Device:
    """A property of the interface in IIFNAME or OIFNAME.

    ``group`` is a number; ``bridge`` the name of the one that it is a port of.
    """

    interface: Field
    property: str


@record
class Opaque:
    """A value that an audit cannot know; ``name`` says what it is, for example ``meta cgroup``."""

    name: str


Expr = Read | Literal | Binary | Concat | Lookup | Fib | Device | Opaque


# ---- sets and maps ------------------------------------------------------------------------------------

Datum: TypeAlias = "int | tuple[int, ...] | Verdict"
"""What a map holds for a key."""


@record
class IntervalTable:
    """A set or map over one value: disjoint intervals, sorted; ``data`` is parallel, or None for a set."""

    keys: Intervals
    data: tuple[Datum, ...] | None = None


@record
class Box:
    """One element of a concatenation: an interval for each part; the first box that holds a key decides."""

    sides: tuple[Interval, ...]
    data: Datum | None = None
    nomatch: bool = False
    """An ipset element that excludes."""


@record
class BoxTable:
    """A set or map over several values, in its owner's order (ipset: longest prefix first)."""

    boxes: tuple[Box, ...]


@record
class UnknownTable:
    """Elements that were not read."""

    reason: str


Elements = IntervalTable | BoxTable | UnknownTable


@record(eq=False)
class NamedSet:
    """A set or map with its elements; anonymous ones have no name. Compared by identity."""

    elements: Elements
    name: str = ""
    table: str = ""
    """Family and table, or ``ipset``."""
    family: int | None = None
    """4 or 6 where only such packets can be in it (ipset); else None."""
    dynamic: bool = False
    """Rules add to it while packets pass."""
    timeout: int | None = None
    """Seconds after which an element goes, where it does."""
    source: Source | None = None
    holds: int | None = None
    """4 or 6 where its elements are addresses of that family."""


def interval_map(pairs: Iterable[tuple[Interval, Datum]]) -> IntervalTable:
    """Build a map over one value from disjoint intervals in any order."""
    ordered = sorted(pairs, key=lambda pair: pair[0])
    keys = Intervals(tuple(low for (low, _), _ in ordered), tuple(high for (_, high), _ in ordered))
    return IntervalTable(keys, tuple(datum for _, datum in ordered))
