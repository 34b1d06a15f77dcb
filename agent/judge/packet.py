"""A packet as rules see it: one integer for each field, immutable.

A packet is a plain tuple indexed by :class:`~agent.model.firewall.Field`, followed by the slots named
below, so that it can be a dictionary key: two roads that leave equal packets are one road.
"""

from __future__ import annotations

from typing import Final

from agent.model.expression import CtState, Field

ABSENT: Final = -1
"""The packet has no such field: a rule that reads it does not match."""
UNKNOWN: Final = -2
"""The field has a value, but an audit cannot know it."""

SWEPT: Final = -3
"""In place of a destination, or of an answer's source: the packet stands for many, see sweep.py. No rule sees it."""

Value = int | tuple[int, ...]
Packet = tuple[int, ...]

FIELDS: Final = len(Field)
TRACKED: Final = FIELDS  # connection tracking: see below
DNATTED: Final = FIELDS + 1  # 1 once a destination mapping was chosen
SNATTED: Final = FIELDS + 2  # 1 once a source mapping was chosen
REDIRECTED: Final = FIELDS + 3  # 1 when the new destination is this host, whatever its address
CT_STATE_LATER: Final = FIELDS + 4  # what the state will be once conntrack has seen the packet
REPLY: Final = FIELDS + 5  # 1 when the packet goes against the direction of its flow
REROUTE: Final = FIELDS + 6  # an output chain had this host's packet routed again, when its mark was one less
ADDED: Final = FIELDS + 7  # number of the record of set elements added on the way; see ledger.py
TPROXIED: Final = FIELDS + 8  # port of the local socket that TPROXY gave the packet to
SLOTS: Final = FIELDS + 9

BEFORE_CONNTRACK: Final = 0
FOLLOWED: Final = 1
UNTRACKED: Final = 2

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
PROTOCOLS: Final = {"tcp": TCP, "udp": UDP}
WITH_PORTS: Final = frozenset({TCP, UDP, 33, 132, 136})  # and dccp, sctp, udplite

NFPROTO_IPV4, NFPROTO_IPV6 = 2, 10

DST_NAT: Final = 1 << 5  # IPS_DST_NAT, include/uapi/linux/netfilter/nf_conntrack_common.h
SRC_NAT: Final = 1 << 4  # IPS_SRC_NAT


def packet(  # noqa: PLR0913 - one parameter for each thing that a flow says
    family: int,
    proto: int,
    src: int,
    dst: int,
    *,
    iifname: int = 0,
    sport: int = ABSENT,
    dport: int = ABSENT,
    tcp_flags: int = ABSENT,
    icmp_type: int = ABSENT,
    icmp_code: int = ABSENT,
    ct_state: int = CtState.NEW,
    reply: bool = False,
) -> Packet:
    """Make a packet that has just come in (or, without ``iifname``, is about to leave this host).

    It stands before connection tracking, where every packet is ``invalid`` (KERNEL-FACTS 8), and forwarded
    or delivered packets have no owner.
    """
    values = [UNKNOWN] * SLOTS
    values[Field.NFPROTO] = NFPROTO_IPV4 if family == 4 else NFPROTO_IPV6
    values[Field.IIFNAME] = iifname
    values[Field.OIFNAME] = 0
    values[Field.SADDR] = src
    values[Field.DADDR] = dst
    values[Field.L4PROTO] = proto
    values[Field.SPORT] = sport
    values[Field.DPORT] = dport
    values[Field.TCP_FLAGS] = tcp_flags
    values[Field.ICMP_TYPE] = icmp_type
    values[Field.ICMP_CODE] = icmp_code
    values[Field.CT_STATE] = CtState.INVALID
    values[Field.CT_DIRECTION] = ABSENT
    values[Field.CT_STATUS] = ABSENT
    values[Field.CT_MARK] = ABSENT
    values[Field.MARK] = 0
    values[Field.PKTTYPE] = 0
    if iifname:
        values[Field.SKUID] = values[Field.SKGID] = ABSENT
    if proto != TCP:
        values[Field.TCP_SEQ] = ABSENT
    values[TRACKED] = BEFORE_CONNTRACK
    values[DNATTED] = values[SNATTED] = values[REDIRECTED] = values[REROUTE] = values[TPROXIED] = 0
    values[CT_STATE_LATER] = ct_state
    values[REPLY] = int(reply)
    values[ADDED] = 0
    return tuple(values)


def put(before: Packet, at: int, value: int) -> Packet:
    """Give a packet with one field or slot changed."""
    return (*before[:at], value, *before[at + 1 :])


def family_of(some: Packet) -> int:
    """4 or 6."""
    return 4 if some[Field.NFPROTO] == NFPROTO_IPV4 else 6


def followed(before: Packet) -> Packet:
    """Pass connection tracking: the state becomes what the flow says, unless a rule said notrack."""
    if before[TRACKED] != BEFORE_CONNTRACK:
        return before
    values = list(before)
    state = before[CT_STATE_LATER]
    values[Field.CT_STATE] = state
    if state in (CtState.INVALID, CtState.UNTRACKED):  # such packets have no entry: nf_ct_get() is NULL
        values[TRACKED] = UNTRACKED
        return tuple(values)
    values[TRACKED] = FOLLOWED
    values[Field.CT_DIRECTION] = before[REPLY]
    fresh = state == CtState.NEW
    values[Field.CT_STATUS] = 0 if fresh else UNKNOWN
    values[Field.CT_MARK] = 0 if fresh else UNKNOWN
    return tuple(values)
