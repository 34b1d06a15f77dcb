"""What stands behind an EtherType, an LLC header or a PPP protocol number: tags, labels, sessions, and IP at last."""

from __future__ import annotations

from typing import Final

Network = tuple[int, tuple[int, ...], tuple[str, ...]]
"""Where an IP header begins, VLAN ids and tunnels in front of it from the outer to the inner."""

TAG_LIMIT: Final = 8
"""VLAN tags in front of a packet; a frame that has more carries none."""
LABEL_LIMIT: Final = 16
"""Labels in one stack of MPLS."""
NESTING_LIMIT: Final = 4
"""Stacks of labels and sessions of PPPoE within each other; each stack is read in two ways at most."""

SHIM_LIMIT: Final = 128
"""Bytes of other headers in front of a packet; what follows more of them is not looked at."""

# bytes between an EtherType and the next one: Cisco's VN-Tag, E-Tag (IEEE 802.1BR), Cisco's MetaData with a group tag,
# provider bridges (IEEE 802.1ah), with the customer's addresses, and FabricPath, with those of the frame inside
_SHIMS: Final = {0x8926: 4, 0x893F: 6, 0x8909: 6, 0x88E7: 16, 0x8903: 14}
# IEEE 802.1Q, 802.1ad, and the two that came before it
_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})


def payload(
    kind: int, frame: bytes, at: int, vlan: tuple[int, ...] = (), tunnel: tuple[str, ...] = ()
) -> Network | None:
    """Where IP begins behind an EtherType, or a length of IEEE 802.3; raises IndexError where the frame ends before."""
    begin = at
    while True:
        if kind in {0x0800, 0x86DD}:
            return at, vlan, tunnel
        if kind in _TAGS and len(vlan) < TAG_LIMIT:
            vlan = (*vlan, (frame[at] << 8 | frame[at + 1]) & 0xFFF)
            kind = frame[at + 2] << 8 | frame[at + 3]
            at += 4
        elif kind <= 1500:
            return llc(frame, at, vlan, tunnel)
        elif kind in {0x8847, 0x8848}:
            return labelled(frame, at, vlan, tunnel)
        # RFC 2516 §4: version and type 1, code 0 in a session
        elif kind == 0x8864 and frame[at] == 0x11 and frame[at + 1] == 0 and len(tunnel) < NESTING_LIMIT:
            return ppp(frame, at + 6, vlan, (*tunnel, "pppoe"))
        elif (length := _shim(kind, frame, at)) and at - begin < SHIM_LIMIT:
            at += length
            kind = frame[at] << 8 | frame[at + 1]
            at += 2
        elif kind == 0x894F and at - begin < SHIM_LIMIT:
            return _chained(frame, at, vlan, tunnel)
        else:
            return None


def _shim(kind: int, frame: bytes, at: int) -> int:
    """The length of a header that has an EtherType behind it; 0 where this is none."""
    if kind == 0x8909 and frame[at] != 1:
        return 0
    return _SHIMS.get(kind, 0)


def _chained(frame: bytes, at: int, vlan: tuple[int, ...], tunnel: tuple[str, ...]) -> Network | None:
    """Where IP begins behind a header of service chains (RFC 8300 §2.2): version 0, its length in words."""
    length = (frame[at + 1] & 0x3F) << 2
    following = frame[at + 3]
    if frame[at] & 0xC0 or length < 8:
        return None
    if following in {1, 2}:
        return at + length, vlan, (*tunnel, "nsh")
    return bridged(frame, at + length, vlan, (*tunnel, "nsh")) if following == 3 and not tunnel else None


def llc(frame: bytes, at: int, vlan: tuple[int, ...] = (), tunnel: tuple[str, ...] = ()) -> Network | None:
    """Where IP begins behind an LLC header, with SNAP or with the number that IP has itself (RFC 1042)."""
    service = frame[at : at + 3]
    if service == b"\x06\x06\x03":
        return at + 3, vlan, tunnel
    # the second organisation is that of bridges (IEEE 802.1H)
    if service == b"\xaa\xaa\x03" and frame[at + 3 : at + 6] in {b"\0\0\0", b"\0\0\xf8"}:
        kind = frame[at + 6] << 8 | frame[at + 7]
        # a length here would begin another LLC header, and so on: behind a tag only, whose number is bounded
        return payload(kind, frame, at + 8, vlan, tunnel) if kind > 1500 else None
    return None


def ppp(frame: bytes, at: int, vlan: tuple[int, ...] = (), tunnel: tuple[str, ...] = ()) -> Network | None:
    """Where IP begins behind a PPP header, address, control and the protocol's first byte compressed or not."""
    # RFC 1662 §3.1, and RFC 1661 §6.5, §6.6
    if frame[at] == 0xFF and frame[at + 1] == 3:
        at += 2
    kind = frame[at]
    at += 1
    if not kind & 1:
        kind = kind << 8 | frame[at]
        at += 1
    if kind in {0x21, 0x57}:
        return at, vlan, tunnel
    if kind in {0x281, 0x283}:
        return labelled(frame, at, vlan, tunnel)
    return None


def labelled(frame: bytes, at: int, vlan: tuple[int, ...], tunnel: tuple[str, ...]) -> Network | None:
    """Where IP begins behind MPLS labels (RFC 3032): what is inside is not told, so it is guessed (RFC 4928 §3)."""
    if len(tunnel) >= NESTING_LIMIT:
        return None
    tunnel = (*tunnel, "mpls")
    for _ in range(LABEL_LIMIT):
        bottom = frame[at + 2] & 1
        at += 4
        if bottom:
            version = frame[at] >> 4
            within = None
            if version in {4, 6}:
                # an address of Ethernet may begin so as well: an IPv4 header has five words and more
                within = (at, vlan, tunnel) if version == 6 or frame[at] & 0xF >= 5 else None
            elif version == 0:
                # RFC 4385 §3: a control word, unless that is where an address begins
                within = bridged(frame, at + 4, vlan, tunnel)
            return within or bridged(frame, at, vlan, tunnel)
    return None


def bridged(frame: bytes, at: int, vlan: tuple[int, ...], tunnel: tuple[str, ...]) -> Network | None:
    """Where IP begins in what may be an Ethernet frame, None unless the version there is that of its EtherType."""
    try:
        within = payload(frame[at + 12] << 8 | frame[at + 13], frame, at + 14, vlan, tunnel)
        if within and frame[within[0]] >> 4 in {4, 6}:
            return within
    except IndexError:
        pass
    return None
