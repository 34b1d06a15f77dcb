"""From a frame of some link type to the IP packet inside; numbers are those of tcpdump.org/linktypes.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Truncated
from agent.wire.link_payload import llc, payload, ppp
from agent.wire.link_wlan import avs, prism, radiotap, wlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.wire.link_payload import Network

# address families of IPv6 on Linux, NetBSD and OpenBSD, FreeBSD, macOS
_INET6: Final = frozenset({10, 24, 28, 30})
_PLAIN: Final[Network] = (14, (), ())
PPI: Final = 192


def network(link_type: int, frame: bytes, begin: int = 0) -> Network | None:
    """Where in a frame the header of IPv4 or IPv6 begins, None if it carries neither; raises Truncated."""
    try:
        if link_type == 1:
            if begin == 0:
                high = frame[12]
                low = frame[13]
                if (high == 8 and low == 0) or (high == 0x86 and low == 0xDD):
                    return _PLAIN
            return payload(frame[begin + 12] << 8 | frame[begin + 13], frame, begin + 14)
        reader = _READERS.get(link_type)
        return reader(frame, begin) if reader else None
    except IndexError:
        raise Truncated("a frame ends within its headers") from None


def _raw(frame: bytes, at: int) -> Network | None:
    return (at, (), ()) if frame[at] >> 4 in {4, 6} else None


def _loopback(frame: bytes, at: int) -> Network | None:
    # the family is in the byte order of the machine that captured, and in that of the network for OpenBSD
    family = (frame[at] | frame[at + 1]) or (frame[at + 2] | frame[at + 3])
    version = frame[at + 4] >> 4
    if (family == 2 and version == 4) or (family in _INET6 and version == 6):
        return at + 4, (), ()
    return None


def _cooked(frame: bytes, at: int) -> Network | None:
    kind = frame[at + 14] << 8 | frame[at + 15]
    # 4: LLC follows (LINKTYPE_LINUX_SLL)
    return llc(frame, at + 16) if kind == 4 else payload(kind, frame, at + 16)


def _cooked2(frame: bytes, at: int) -> Network | None:
    kind = frame[at] << 8 | frame[at + 1]
    return llc(frame, at + 20) if kind == 4 else payload(kind, frame, at + 20)


def _ppp_directed(frame: bytes, at: int) -> Network | None:
    return ppp(frame, at + 1)


def _serial(frame: bytes, at: int) -> Network | None:
    # Cisco HDLC: unicast or multicast, a zero, and the protocol (RFC 1547 §4.3.1)
    if frame[at] in {0x0F, 0x8F} and frame[at + 1] == 0:
        return payload(frame[at + 2] << 8 | frame[at + 3], frame, at + 4)
    return ppp(frame, at)


def _pppoe(frame: bytes, at: int) -> Network | None:
    return payload(0x8864, frame, at)


def _token_ring(frame: bytes, at: int) -> Network | None:
    # a source address of a group means that a source route follows (IEEE 802.5)
    route = frame[at + 14] & 0x1F if frame[at + 8] & 0x80 else 0
    return llc(frame, at + 14 + route)


def _fddi(frame: bytes, at: int) -> Network | None:
    return llc(frame, at + 13)


def _frame_relay(frame: bytes, at: int) -> Network | None:
    """RFC 2427 §4: an address of two to four bytes, a frame without number, then the protocol or SNAP."""
    end = at + 4
    while not frame[at] & 1:
        at += 1
        if at == end:
            return None
    if frame[at + 1] != 3:
        # Cisco's own: an EtherType stands behind the address
        return payload(frame[at + 1] << 8 | frame[at + 2], frame, at + 3)
    at += 2
    if frame[at] == 0:
        at += 1
    if frame[at] in {0xCC, 0x8E}:
        return at + 1, (), ()
    if frame[at] == 0x80 and frame[at + 1 : at + 4] == b"\0\0\0":
        return payload(frame[at + 4] << 8 | frame[at + 5], frame, at + 6)
    return None


def _enc(frame: bytes, at: int) -> Network | None:
    # OpenBSD, net/if_enc.h: a family, an SPI and flags of four bytes each stand before what IPsec carries
    return _raw(frame, at + 12)


def _per_packet(frame: bytes, at: int) -> Network | None:
    """Behind a header of Per-Packet Information (CACE): its length, and the link type of what follows."""
    length = frame[at + 2] | frame[at + 3] << 8
    kind = int.from_bytes(frame[at + 4 : at + 8], "little")
    if frame[at] != 0 or length < 8 or kind == PPI:
        return None
    return network(kind, frame, at + length)


def _fibre_channel(frame: bytes, at: int) -> Network | None:
    return llc(frame, at + 16)


def _sunatm(frame: bytes, at: int) -> Network | None:
    return llc(frame, at + 4)


def _pflog(frame: bytes, at: int) -> Network | None:
    # its length leaves out the padding to four bytes (OpenBSD, net/if_pflog.h)
    return _raw(frame, at + ((frame[at] + 3) & ~3))


def _nflog(frame: bytes, at: int) -> Network | None:
    """The packet among the attributes of a record of NFLOG, whose numbers are taken for little-endian."""
    if frame[at + 1] != 0:
        return None
    at += 4
    end = len(frame)
    # each attribute takes at least its four bytes
    while at + 4 <= end:
        length = frame[at] | frame[at + 1] << 8
        if length < 4:
            return None
        if frame[at + 2] == 9 and frame[at + 3] == 0:
            return _raw(frame, at + 4)
        at += (length + 3) & ~3
    return None


_READERS: Final[dict[int, Callable[[bytes, int], Network | None]]] = {
    0: _loopback,
    6: _token_ring,
    9: _serial,
    10: _fddi,
    12: _raw,
    14: _raw,
    50: _serial,
    51: _pppoe,
    100: llc,
    101: _raw,
    104: _serial,
    105: wlan,
    107: _frame_relay,
    108: _loopback,
    109: _enc,
    113: _cooked,
    117: _pflog,
    119: prism,
    122: _fibre_channel,
    123: _sunatm,
    127: radiotap,
    163: avs,
    192: _per_packet,
    204: _ppp_directed,
    228: _raw,
    229: _raw,
    239: _nflog,
    276: _cooked2,
}
