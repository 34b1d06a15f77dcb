"""Headers of IPv4 (RFC 791) and IPv6 (RFC 8200), down to the protocol that they carry."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from agent.errors import Malformed, Truncated

EXTENSION_LIMIT: Final = 16
"""Extension headers in front of a payload; RFC 8200 §4.1 knows of seven places for them."""


class Fragment(NamedTuple):
    """What part of a datagram a packet is."""

    offset: int
    """In bytes."""
    more: bool
    identification: int


class Packet(NamedTuple):
    """An IP packet in a frame: a tuple, as nothing else is built as fast."""

    family: int
    """4 or 6."""
    protocol: int
    """What the payload is, by IANA's numbers; in a fragment what the whole begins with."""
    source: bytes
    destination: bytes
    ttl: int
    """The hop limit in IPv6."""
    ip_id: int | None
    """None in IPv6."""
    begin: int
    """Where the payload begins, behind options and extension headers."""
    end: int
    """Where the payload ends, or what was captured of it."""
    missing: int
    """Bytes of the payload that were not captured."""
    fragment: Fragment | None
    """None where the packet is whole."""


_HEADER4: Final = struct.Struct(">BxHHHBBxx4s4s").unpack_from
_HEADER6: Final = struct.Struct(">4xHBB16s16s").unpack_from
_new: Final = tuple.__new__

# hop-by-hop, routing, destination, mobility, HIP, Shim6: all of one form (RFC 6564); 44 and 51 have their own
_EXTENSIONS: Final = frozenset({0, 43, 44, 51, 60, 135, 139, 140})
# IPv4 has authentication alone
_AUTHENTICATION: Final = frozenset({51})


def decode(frame: bytes, begin: int = 0, limit: int = -1) -> Packet:
    """The packet whose header begins there, in a frame that ends at ``limit``; raises Malformed or Truncated."""
    if limit < 0:
        limit = len(frame)
    if limit - begin < 20:
        raise Truncated("an IP header takes 20 bytes at least")
    first = frame[begin]
    if first >> 4 != 4:
        return _decode6(frame, begin, limit)
    first, total, ip_id, flags, ttl, protocol, source, destination = _HEADER4(frame, begin)
    payload = begin + 20
    if first != 0x45:
        if first & 0xF < 5:
            raise Malformed(f"an IPv4 header of {first & 0xF} words")
        payload = begin + ((first & 0xF) << 2)
    end = begin + total
    missing = 0
    if end > limit:
        missing = end - limit
        end = limit
    elif total == 0:
        # the kernel leaves it to the network card to fill in (TCP segmentation offload)
        end = limit
    if payload > end:
        if missing or total == 0:
            raise Truncated("an IPv4 header ends before its options")
        raise Malformed(f"an IPv4 packet of {total} bytes")
    # all but "don't fragment" and the reserved bit
    if flags & 0x3FFF:
        fragment = Fragment((flags & 0x1FFF) << 3, flags & 0x2000 != 0, ip_id)
        return _new(Packet, (4, protocol, source, destination, ttl, ip_id, payload, end, missing, fragment))
    if protocol == 51:
        protocol, payload, _ = extensions(frame, 4, protocol, payload, end)
    return _new(Packet, (4, protocol, source, destination, ttl, ip_id, payload, end, missing, None))


def _decode6(frame: bytes, begin: int, limit: int) -> Packet:
    if frame[begin] >> 4 != 6:
        raise Malformed(f"IP of version {frame[begin] >> 4}")
    payload = begin + 40
    if payload > limit:
        raise Truncated("an IPv6 header takes 40 bytes")
    length, protocol, ttl, source, destination = _HEADER6(frame, begin)
    end = payload + length
    missing = 0
    if end > limit:
        missing = end - limit
        end = limit
    elif length == 0 and protocol != 59:
        # a jumbogram (RFC 2675 §3), or left to the network card
        end = limit
    fragment: Fragment | None = None
    if protocol in _EXTENSIONS:
        protocol, payload, fragment = extensions(frame, 6, protocol, payload, end)
    return _new(Packet, (6, protocol, source, destination, ttl, None, payload, end, missing, fragment))


def extensions(frame: bytes, family: int, protocol: int, begin: int, end: int) -> tuple[int, int, Fragment | None]:
    """The protocol behind extension headers, where it begins, and what part of a datagram follows a fragment header."""
    known = _EXTENSIONS if family == 6 else _AUTHENTICATION
    for _ in range(EXTENSION_LIMIT):
        if begin > end or (begin + 8 > end and protocol in known):
            raise Truncated("an IP packet ends within its extension headers")
        if protocol not in known:
            return protocol, begin, None
        following = frame[begin]
        if protocol == 44:
            flags = frame[begin + 2] << 8 | frame[begin + 3]
            # RFC 6946: a fragment that is the whole datagram is none
            if flags & 0xFFF9:
                number = int.from_bytes(frame[begin + 4 : begin + 8], "big")
                return following, begin + 8, Fragment(flags & 0xFFF8, flags & 1 != 0, number)
            begin += 8
        elif protocol == 51:
            begin += (frame[begin + 1] + 2) << 2
        else:
            begin += (frame[begin + 1] + 1) << 3
        protocol = following
    raise Malformed(f"more than {EXTENSION_LIMIT} extension headers")
