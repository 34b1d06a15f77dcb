"""Tunnels in IP: where within a packet another one begins.

Each reader is strict about its header, so that other traffic on a port is not misread, and raises IndexError where the
packet ends within it. What the header promises is looked at again in ``inner``: an IP header must stand there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.wire.ip_tunnels_udp import PORTS
from agent.wire.link_payload import bridged, labelled, payload, ppp

if TYPE_CHECKING:
    from agent.wire.ip import Packet
    from agent.wire.link_payload import Network

TUNNELS: Final = frozenset({4, 17, 41, 47, 97, 137})
"""Protocols that may carry another packet; of UDP only some ports do."""


def inner(packet: Packet, frame: bytes) -> Network | None:
    """Where the IP packet in a tunnel begins, and the tags and tunnels in front of it; None where there is none."""
    begin = packet.begin
    try:
        found = _read(packet, frame, begin)
    except IndexError:
        return None
    # the frame may go on behind the packet
    if found is None or found[0] >= packet.end or frame[found[0]] >> 4 not in {4, 6}:
        return None
    return found


def _read(packet: Packet, frame: bytes, begin: int) -> Network | None:
    protocol = packet.protocol
    if protocol == 17:
        reader = PORTS.get(frame[begin + 2] << 8 | frame[begin + 3]) or PORTS.get(frame[begin] << 8 | frame[begin + 1])
        if reader is None:
            return None
        # a length of zero is that of a jumbogram (RFC 2675 §4)
        length = frame[begin + 4] << 8 | frame[begin + 5]
        if not length:
            length = packet.end - begin
        if length < 8 or (begin + length > packet.end and not packet.missing):
            return None
        return reader(frame, begin + 8, begin + length)
    if protocol == 47:
        return _gre(frame, begin)
    version = frame[begin] >> 4
    if protocol == 4:
        return (begin, (), ("ipip" if packet.family == 4 else "4in6",)) if version == 4 else None
    if protocol == 41:
        return (begin, (), ("6in4" if packet.family == 4 else "ipip",)) if version == 6 else None
    if protocol == 97:
        # RFC 3378 §3: version 3 and twelve bits of zero
        return bridged(frame, begin + 2, (), ("etherip",)) if frame[begin] == 0x30 and frame[begin + 1] == 0 else None
    if protocol == 137:
        return labelled(frame, begin, (), ())
    return None


def _gre(frame: bytes, at: int) -> Network | None:
    """Generic Routing Encapsulation (RFC 2784, RFC 2890), and what is built on it."""
    flags = frame[at] << 8 | frame[at + 1]
    kind = frame[at + 2] << 8 | frame[at + 3]
    if flags & 7 == 1:
        return _pptp(frame, at, flags, kind)
    # no routing (RFC 1701), and the reserved bits are zero
    if flags & 0x4FFF:
        return None
    begin = at + 4
    for bit in (0x8000, 0x2000, 0x1000):
        if flags & bit:
            begin += 4
    if kind == 0x6558:
        # RFC 7637 §3.2: NVGRE has a key, and neither a checksum nor a number
        return bridged(frame, begin, (), ("nvgre" if flags == 0x2000 else "gre",))
    if kind in {0x88BE, 0x22EB}:
        return _erspan(frame, begin, kind, numbered=bool(flags & 0x1000))
    if kind == 0x883E:
        # WCCP: version 2 has a header of its own, a redirected packet begins without (draft-mclaggan-wccp §4.12)
        return (begin if frame[begin] >> 4 == 4 else begin + 4), (), ("gre",)
    return payload(kind, frame, begin, (), ("gre",)) if kind > 1500 else None


def _erspan(frame: bytes, at: int, kind: int, *, numbered: bool) -> Network | None:
    """Mirrored frames (draft-foschiano-erspan §4): types I, which has no header, II and III."""
    if kind == 0x22EB:
        if frame[at] >> 4 != 2:
            return None
        # bits of the last two bytes: a frame type, where 2 is IP without Ethernet, and whether more header follows
        begin = at + (20 if frame[at + 11] & 1 else 12)
        if frame[at + 10] >> 2 & 0x1F == 2:
            return begin, (), ("erspan",)
        return bridged(frame, begin, (), ("erspan",))
    if numbered:
        return bridged(frame, at + 8, (), ("erspan",)) if frame[at] >> 4 == 1 else None
    return bridged(frame, at, (), ("erspan",))


def _pptp(frame: bytes, at: int, flags: int, kind: int) -> Network | None:
    """GRE of version 1 (RFC 2637 §4.1): a key with the payload's length, PPP only if it is numbered."""
    if kind != 0x880B or flags & 0xEF78 != 0x2000 or not flags & 0x1000:
        return None
    return ppp(frame, at + (16 if flags & 0x80 else 12), (), ("pptp",))
