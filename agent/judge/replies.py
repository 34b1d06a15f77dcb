"""The answer to a packet that has passed: what it looks like, and how its mappings are undone on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agent.judge.packet import (
    ABSENT,
    ADDED,
    BEFORE_CONNTRACK,
    CT_STATE_LATER,
    DNATTED,
    FOLLOWED,
    REDIRECTED,
    REPLY,
    REROUTE,
    SNATTED,
    TCP,
    TRACKED,
    UNKNOWN,
    Packet,
    put,
)
from agent.model.expression import CtState, Field
from agent.model.firewall import Hook

if TYPE_CHECKING:
    from agent.judge.ledger import Ledger

SYN_ACK = 0x12
SEEN_REPLY, CONFIRMED = 1 << 1, 1 << 3  # enum ip_conntrack_status, nf_conntrack_common.h
TO_CLIENT = (Hook.PREROUTING, Hook.OUTPUT)
"""Where the destination of an answer becomes the client's own again (nf_nat_manip_pkt of the reply direction)."""
FROM_SERVER = (Hook.POSTROUTING, Hook.INPUT)
"""Where its source becomes the address that the client asked for."""


class Connection(NamedTuple):
    """What connection tracking knows of the packet that passed, as answers need it."""

    source: tuple[int, int]
    """Address and port of the client, before any mapping."""
    destination: tuple[int, int]
    """What the client asked for, before any mapping."""
    status: int
    mark: int


def answer_to(start: Packet, passed: Packet, ledger: Ledger) -> tuple[Packet, Connection | None]:
    """Give the answer to ``start``, which left as ``passed``; None where nobody tracks the connection.

    The answer stands on the wire before the interface where the packet left. What rules did to sets on the way
    there is still done, but is not known for each destination.
    """
    values = list(passed)
    tracked = passed[TRACKED] == FOLLOWED
    values[Field.SADDR], values[Field.DADDR] = passed[Field.DADDR], passed[Field.SADDR]
    values[Field.SPORT], values[Field.DPORT] = passed[Field.DPORT], passed[Field.SPORT]
    values[Field.IIFNAME], values[Field.OIFNAME] = passed[Field.OIFNAME], 0
    for field in (Field.SMAC, Field.DMAC, Field.TTL, Field.LENGTH, Field.DSCP):
        values[field] = UNKNOWN if passed[field] != ABSENT else ABSENT
    values[Field.SKUID] = values[Field.SKGID] = ABSENT
    values[Field.MARK] = values[Field.PKTTYPE] = 0
    is_tcp = passed[Field.L4PROTO] == TCP
    if is_tcp:
        values[Field.TCP_FLAGS] = SYN_ACK
    values[Field.CT_STATE] = CtState.INVALID
    values[Field.CT_DIRECTION] = values[Field.CT_STATUS] = values[Field.CT_MARK] = ABSENT
    values[TRACKED] = BEFORE_CONNTRACK
    # without an entry the answer seems to begin a connection, which SYN and ACK together cannot
    stray = CtState.INVALID if is_tcp else CtState.NEW
    values[CT_STATE_LATER] = CtState.ESTABLISHED if tracked else stray
    values[REPLY] = int(tracked)
    values[REDIRECTED] = values[REROUTE] = values[ADDED] = 0
    if not tracked:
        values[DNATTED] = values[SNATTED] = 0
    answer = ledger.vague(tuple(values), passed)
    if not tracked:
        return answer, None
    status = passed[Field.CT_STATUS]
    return answer, Connection(
        (start[Field.SADDR], start[Field.SPORT]),
        (start[Field.DADDR], start[Field.DPORT]),
        status if status < 0 else status | SEEN_REPLY | CONFIRMED,
        passed[Field.CT_MARK],
    )


def untranslated(packet: Packet, hook: Hook, connection: Connection) -> Packet:
    """Give the answer after NAT's place at a hook."""
    if hook in TO_CLIENT:
        address, port = connection.source
        return put(put(packet, Field.DADDR, address), Field.DPORT, port)
    if hook in FROM_SERVER:
        address, port = connection.destination
        return put(put(packet, Field.SADDR, address), Field.SPORT, port)
    return packet
