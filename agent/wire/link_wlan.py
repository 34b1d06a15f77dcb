"""From a frame of IEEE 802.11 to the IP packet inside, where it is sent in clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.wire.link_payload import llc

if TYPE_CHECKING:
    from agent.wire.link_payload import Network


def wlan(frame: bytes, at: int, vlan: tuple[int, ...] = (), tunnel: tuple[str, ...] = ()) -> Network | None:
    """Where IP begins in a frame of IEEE 802.11 (§9.2), None if it carries none or is encrypted; raises IndexError."""
    control = frame[at]
    flags = frame[at + 1]
    # version 0, type data; 4 in the subtype: no data; protected
    if control & 0x0F != 8 or control & 0x40 or flags & 0x40:
        return None
    begin = at
    at += 24
    if flags & 3 == 3:
        at += 6
    aggregated = 0
    if control & 0x80:
        aggregated = frame[at] & 0x80
        at += 2
        if flags & 0x80:
            at += 4
    # some drivers fill the header up to four bytes (radiotap's flag 0x20)
    if frame[at : at + 2] != b"\xaa\xaa" and (at - begin) & 2 and frame[at + 2 : at + 4] == b"\xaa\xaa":
        at += 2
    # of several packets in one frame (§9.3.2.2) the first counts
    return llc(frame, at + 14 if aggregated else at, vlan, tunnel)


def radiotap(frame: bytes, at: int) -> Network | None:
    """Likewise behind a radiotap header (radiotap.org)."""
    if frame[at] != 0:
        return None
    return wlan(frame, at + (frame[at + 2] | frame[at + 3] << 8))


def avs(frame: bytes, at: int) -> Network | None:
    """Likewise behind a header of the AVS project."""
    return wlan(frame, at + (frame[at + 6] << 8 | frame[at + 7]))


def prism(frame: bytes, at: int) -> Network | None:
    """Likewise behind a Prism header, in the byte order of its machine, or what drivers gave instead of it: AVS."""
    if frame[at : at + 3] == b"\x80\x21\x10":
        return avs(frame, at)
    # message code 0x44 or 0x41, then the length
    if frame[at] != 0:
        return wlan(frame, at + (frame[at + 4] | frame[at + 5] << 8))
    return wlan(frame, at + (frame[at + 6] << 8 | frame[at + 7]))
