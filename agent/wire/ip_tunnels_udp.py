"""Tunnels in UDP: where behind its header another packet begins, by port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.wire.link_payload import bridged, labelled, payload, ppp
from agent.wire.link_wlan import wlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.wire.link_payload import Network

EXTENSION_LIMIT: Final = 8
"""Extension headers of one packet of GTP."""


def _vxlan(frame: bytes, at: int, _: int) -> Network | None:
    """RFC 7348 §5 with the I flag, and its extensions: a group policy, or with the P flag another protocol inside.

    draft-smith-vxlan-group-policy §2.1, draft-ietf-nvo3-vxlan-gpe §3: version 0, no message of the tunnel's own.
    """
    flags = frame[at]
    if flags == 0x88:
        # flags and number of the group stand where reserved bits were
        return bridged(frame, at + 8, (), ("vxlan",))
    # without P; with it; and with it for what goes to several
    if flags not in {0x08, 0x0C, 0x0E} or frame[at + 1] or frame[at + 2] or frame[at + 7]:
        return None
    following = frame[at + 3]
    if not flags & 4:
        if following:
            return None
        following = 3
    at += 8
    if following in {1, 2}:
        return at, (), ("vxlan",)
    if following == 3:
        return bridged(frame, at, (), ("vxlan",))
    return labelled(frame, at, (), ("vxlan",)) if following == 5 else None


def _geneve(frame: bytes, at: int, _: int) -> Network | None:
    """RFC 8926 §3.4: version 0, no control packet, the reserved bits zero."""
    if frame[at] >> 6 or frame[at + 1] & 0xBF or frame[at + 7]:
        return None
    kind = frame[at + 2] << 8 | frame[at + 3]
    at += 8 + ((frame[at] & 0x3F) << 2)
    if kind == 0x6558:
        return bridged(frame, at, (), ("geneve",))
    return payload(kind, frame, at, (), ("geneve",)) if kind > 1500 else None


def _teredo(frame: bytes, at: int, end: int) -> Network | None:
    """RFC 4380 §5.1.1: authentication and origin, either may be missing, and an IPv6 packet that fills the rest."""
    if frame[at] == 0 and frame[at + 1] == 1:
        at += 13 + frame[at + 2] + frame[at + 3]
    if frame[at] == 0 and frame[at + 1] == 0:
        at += 8
    if frame[at] >> 4 != 6 or at + 40 + (frame[at + 4] << 8 | frame[at + 5]) != end:
        return None
    # the prefix of Teredo, or a link-local address in the talk with a server
    source = frame[at + 8 : at + 12]
    if source == b"\x20\x01\0\0" or frame[at + 24 : at + 28] == b"\x20\x01\0\0" or source[:2] == b"\xfe\x80":
        return at, (), ("teredo",)
    return None


def _gtp(frame: bytes, at: int, end: int) -> Network | None:
    """GTP-U (3GPP TS 29.281 §5.1): version 1, a T-PDU of the length that is there."""
    flags = frame[at]
    if flags >> 4 != 3 or flags & 8 or frame[at + 1] != 0xFF:
        return None
    if at + 8 + (frame[at + 2] << 8 | frame[at + 3]) != end:
        return None
    at += 8
    if flags & 7:
        following = frame[at + 3] if flags & 4 else 0
        at += 4
        for _ in range(EXTENSION_LIMIT):
            if not following:
                break
            length = frame[at] << 2
            if not length:
                return None
            at += length
            following = frame[at - 1]
        else:
            return None
    return at, (), ("gtp",)


def _mpls(frame: bytes, at: int, _: int) -> Network | None:
    """RFC 7510."""
    return labelled(frame, at, (), ())


def _capwap(frame: bytes, at: int, _: int) -> Network | None:
    """RFC 5415 §4.3: not DTLS, no keep-alive, whole; IEEE 802.3 inside, or 802.11 as the radio had it."""
    # flags F, K, and the three reserved ones
    if frame[at] or frame[at + 3] & 0x8F:
        return None
    begin = at + (frame[at + 1] >> 3 << 2)
    if begin < at + 8:
        return None
    if not frame[at + 2] & 1:
        return bridged(frame, begin, (), ("capwap",))
    # bindings: 1 is IEEE 802.11; Cisco sends the two bytes of frame control swapped
    if frame[at + 2] >> 1 & 0x1F != 1:
        return None
    if frame[begin] & 0xF != 8 and frame[begin + 1] & 0xF == 8:
        swapped = frame[begin + 1 : begin + 2] + frame[begin : begin + 1] + frame[begin + 2 :]
        found = wlan(swapped, 0, (), ("capwap",))
        return (found[0] + begin, found[1], found[2]) if found else None
    return wlan(frame, begin, (), ("capwap",))


def _l2tp(frame: bytes, at: int, end: int) -> Network | None:
    """L2TP of version 2 (RFC 2661 §3.1), data."""
    flags = frame[at] << 8 | frame[at + 1]
    if flags & 0xB4FF != 2:
        return None
    at += 2
    if flags & 0x4000:
        if at - 2 + (frame[at] << 8 | frame[at + 1]) != end:
            return None
        at += 2
    at += 4
    if flags & 0x0800:
        at += 4
    if flags & 0x0200:
        at += 2 + (frame[at] << 8 | frame[at + 1])
    return ppp(frame, at, (), ("l2tp",))


def _ayiya(frame: bytes, at: int, _: int) -> Network | None:
    """Anything in Anything (draft-massar-v6ops-ayiya §3): identity and signature of told lengths, forward."""
    if frame[at + 2] & 0xF != 1 or frame[at + 3] not in {4, 41}:
        return None
    return at + 8 + (1 << (frame[at] >> 4)) + ((frame[at + 1] >> 4) << 2), (), ("ayiya",)


PORTS: Final[dict[int, Callable[[bytes, int, int], Network | None]]] = {
    1701: _l2tp,
    2152: _gtp,
    3544: _teredo,
    4789: _vxlan,
    4790: _vxlan,
    5072: _ayiya,
    5247: _capwap,
    6081: _geneve,
    6635: _mpls,
    # what Linux used before IANA gave a port
    8472: _vxlan,
}
"""Registered ports; both ends are looked at, the receiver's first."""
