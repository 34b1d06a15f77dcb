"""The program that the kernel runs for each packet: the filter of the tap, for each direction its own."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from agent.observe.filters import expression, leaving
from agent.observe.pcap import Filter
from agent.observe.tap_interfaces import Role, hops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.observe.tap_interfaces import Place

_instruction = struct.Struct("=HBBI").pack
_LOAD_PACKET_TYPE: Final = _instruction(0x20, 0, 0, 0xFFFFF000 + 4)
"""``ld [SKF_AD_OFF + SKF_AD_PKTTYPE]`` (include/uapi/linux/filter.h)."""
_NOTHING: Final = _instruction(6, 0, 0, 0)
_OUTGOING: Final = 4
_SIZE: Final = 8


def program(place: Place, proxies: Sequence[int] = (), *, far: bool = False) -> bytes:
    """The instructions (``struct sock_filter``) for a place; to ``proxies`` any port counts as a server's.

    ``far``: with what shows that a packet seen elsewhere got through.
    """
    link_type = place.link.link_type
    wanted = expression(link_type, proxies)
    incoming = compiled(wanted, link_type)
    if place.role is Role.INCOMING:
        return by_direction(incoming, _NOTHING)
    ttl, hop_limit = hops(place.link.name)
    # what is forwarded has lost one hop at least, so that what has all of them is this host's own; clients begin with
    # 64, 128 or 255. The test stands in front: behind `vlan` offsets are those within the tag
    own = f"(ip[8] = {ttl} or ip6[7] = {hop_limit})"
    left = f"({leaving()}) or " if far else ""
    if place.role is Role.OWN:
        return by_direction(incoming, compiled(f"{left}({own} and ({wanted}))", link_type))
    if not place.behind:
        return incoming
    elsewhere = " or ".join(f"src net {prefix}" for prefix in place.behind)
    return by_direction(incoming, compiled(f"{left}(({own} or not ({elsewhere})) and ({wanted}))", link_type))


def compiled(text: str, link_type: int) -> bytes:
    """An expression of pcap-filter(7) as instructions; raises PcapError."""
    return bytes(Filter(text, link_type).instructions)


def by_direction(incoming: bytes, outgoing: bytes) -> bytes:
    """One program for what comes in, another for what goes out."""
    # the jump of a comparison reaches 255 instructions, that of `ja` all of them
    choose = _instruction(0x15, 0, 1, _OUTGOING) + _instruction(0x05, 0, 0, len(incoming) // _SIZE)
    return _LOAD_PACKET_TYPE + choose + incoming + outgoing if outgoing else _LOAD_PACKET_TYPE + choose + incoming
