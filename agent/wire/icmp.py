"""ICMP and ICMPv6 messages about other packets, and what they quote (RFC 792, 4443, 4884)."""

from __future__ import annotations

import socket
from typing import Final

from agent.errors import Malformed, Truncated
from agent.model.observation import IcmpError

V4: Final = {3: "unreachable", 4: "source_quench", 5: "redirect", 11: "time_exceeded", 12: "parameter_problem"}
V6: Final = {1: "unreachable", 2: "packet_too_big", 3: "time_exceeded", 4: "parameter_problem", 137: "redirect"}
PORTED: Final = frozenset({6, 17, 33, 132, 136})
"""Protocols that begin with two ports."""
EXTENSIONS: Final = frozenset({0, 43, 60, 135})
"""Headers of IPv6 that come before the protocol."""
MAX_EXTENSIONS: Final = 8
_NOTHING: Final = (None, None, None, None, None)


def decode(data: bytes, family: int) -> IcmpError | None:
    """Decode one message; None where it is about no packet (echo, neighbours). Raises Truncated."""
    if len(data) < 8:
        raise Truncated("an ICMP message has eight bytes")
    event = (V4 if family == 4 else V6).get(data[0])
    if event is None:
        return None
    begin = 8 if data[0] != 137 else 40  # the target and the destination of a redirect come first
    try:
        quoted = _quoted4(data, begin) if family == 4 else _quoted6(data, begin)
    except Malformed:
        quoted = _NOTHING
    return IcmpError(event, data[0], data[1], *quoted)


_Quoted = tuple[str | None, str | None, int | None, int | None, int | None]


def _quoted4(data: bytes, at: int) -> _Quoted:
    if len(data) < at + 20 or data[at] >> 4 != 4:
        raise Truncated("the quoted packet has no whole header")
    length = (data[at] & 15) * 4
    first = int.from_bytes(data[at + 6 : at + 8], "big") & 0x1FFF == 0
    source, target = (socket.inet_ntoa(data[at + one : at + one + 4]) for one in (12, 16))
    return (source, target, data[at + 9], *_ports(data, at + max(length, 20), data[at + 9] if first else 0))


def _quoted6(data: bytes, at: int) -> _Quoted:
    if len(data) < at + 40 or data[at] >> 4 != 6:
        raise Truncated("the quoted packet has no whole header")
    source, target = (socket.inet_ntop(socket.AF_INET6, data[at + one : at + one + 16]) for one in (8, 24))
    protocol, at = data[at + 6], at + 40
    for _ in range(MAX_EXTENSIONS):
        if len(data) < at + 8:
            break
        if protocol in EXTENSIONS:
            protocol, at = data[at], at + 8 + data[at + 1] * 8
        elif protocol == 44:
            first = int.from_bytes(data[at + 2 : at + 4], "big") >> 3 == 0
            protocol, at = data[at], at + 8
            if not first:
                return source, target, protocol, None, None
        else:
            break
    return (source, target, protocol, *_ports(data, at, protocol))


def _ports(data: bytes, at: int, protocol: int) -> tuple[int | None, int | None]:
    if protocol not in PORTED or len(data) < at + 4:
        return None, None
    return int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
