"""The frames of a capture file: pcap, pcapng, and either compressed with gzip."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.wire.capture_blocks import Blocks
from agent.wire.capture_pcapng import SECTION, pcapng

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.wire.capture_blocks import Frame

RECORD_LIMIT: Final = 1 << 18
"""Captured bytes of one record of pcap: libpcap's own bound for every link that carries IP (pcap-common.c)."""

# magic number as bytes: byte order, ticks in a second, bytes of a record's header (pcap-savefile(5))
_PCAP: Final[dict[bytes, tuple[str, float, int]]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e6, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1e6, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1e9, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1e9, 16),
    # Kuznetzov's: each record also tells interface, protocol and direction
    b"\x34\xcd\xb2\xa1": ("<", 1e6, 24),
    b"\xa1\xb2\xcd\x34": (">", 1e6, 24),
}


class Capture:
    """The frames of a capture in order, to be iterated once; raises Malformed where the file is none, or is damaged.

    ``read`` is that of a file in binary mode, or ``read1`` of a pipe that should not be waited for. Nothing is kept
    but one block of it, so that its size does not matter; it is not mapped, as a mapped file that shrinks kills.
    """

    __slots__ = ("_blocks", "size")

    def __init__(self, read: Callable[[int], bytes], size: int | None = None) -> None:
        self._blocks = Blocks(read)
        self.size = size
        """Bytes of the file, where the caller knows."""

    @property
    def position(self) -> int:
        """Bytes of the file read so far, of what is compressed if it is."""
        return self._blocks.position

    @property
    def truncated(self) -> bool:
        """Whether the file ended within a frame or a block; known when the iteration has ended."""
        return self._blocks.truncated

    def __iter__(self) -> Iterator[Frame]:
        block = self._blocks.first(24)
        magic = block[:4]
        if magic in _PCAP:
            return _pcap(self._blocks, block)
        if magic == SECTION:
            return pcapng(self._blocks, block)
        if not block:
            raise Malformed("no capture: the file is empty")
        raise Malformed(f"no capture: it begins with {magic.hex(' ')}, neither pcap nor pcapng")


def _pcap(blocks: Blocks, block: bytes) -> Iterator[Frame]:
    if len(block) < 24:
        raise Malformed(f"no capture: a pcap header takes 24 bytes, the file has {len(block)}")
    order, ticks, header = _PCAP[block[:4]]
    major, minor, link = struct.unpack_from(f"{order}HH12xI", block, 4)
    if major != 2:
        raise Malformed(f"pcap of version {major}.{minor}, not 2")
    # the upper bits tell whether a frame check sequence follows each frame: the IP header's length passes over it
    link &= 0xFFFF
    record = struct.Struct(f"{order}IIII").unpack_from
    at = 24
    while True:
        size = len(block)
        last = size - header
        end = size
        while at <= last:
            seconds, fraction, captured, original = record(block, at)
            begin = at + header
            end = begin + captured
            if end > size:
                break
            yield seconds + fraction / ticks, link, block[begin:end], original, None
            at = end
        if end - at > RECORD_LIMIT + header:
            raise Malformed(f"damaged capture: a record of {end - at - header} bytes")
        rest = block[at:]
        block = blocks.reach(rest, len(rest) + 1)
        if len(block) == len(rest):
            if rest:
                blocks.truncated = True
            return
        at = 0
