"""Frames of pcapng (draft-ietf-opsawg-pcapng): sections of either byte order, several interfaces."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.wire.capture_blocks import Blocks, Frame

SECTION: Final = b"\x0a\x0d\x0d\x0a"
"""What a section begins with, in either byte order (§4.1)."""
BLOCK_LIMIT: Final = 1 << 24
"""Bytes of one block, as in libpcap (sf-pcapng.c)."""
INTERFACE_LIMIT: Final = 1 << 16
"""Interfaces of one section; a packet block of the old kind could not name more (§4.2)."""

NAME_LIMIT: Final = 256
"""Bytes of an interface's name that are kept."""

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_OLD_PACKET: Final = 2
_SIMPLE_PACKET: Final = 3
_PACKET: Final = 6

_Interface = tuple[int, int, int, int, str | None]
"""Link type, ticks in a second, seconds to add, snap length, name."""


class _Section:
    """A section in its byte order, the interfaces that it has described so far, and the last time that it told."""

    __slots__ = ("_interface", "_offset", "_old", "_option", "_packet", "block", "interfaces", "number", "timestamp")

    def __init__(self, order: str, timestamp: float) -> None:
        self.block = struct.Struct(f"{order}II").unpack_from
        self.number = struct.Struct(f"{order}I").unpack_from
        self._interface = struct.Struct(f"{order}HxxI").unpack_from
        self._option = struct.Struct(f"{order}HH").unpack_from
        self._offset = struct.Struct(f"{order}q").unpack_from
        self._packet = struct.Struct(f"{order}IIIII").unpack_from
        self._old = struct.Struct(f"{order}HxxIIII").unpack_from
        self.interfaces: list[_Interface] = []
        self.timestamp = timestamp

    def frame(self, kind: int, block: bytes, body: int, end: int) -> Frame | None:
        """The frame in a block of this type, None if it holds none (§4.3, §4.4, and the obsolete one of appendix A)."""
        if kind == _SIMPLE_PACKET:
            if not self.interfaces:
                raise Malformed("damaged capture: no interface is described")
            link, _, _, snap, name = self.interfaces[0]
            original = self.number(block, body)[0]
            body += 4
            captured = min(original, snap or original, end - body)
            return self.timestamp, link, block[body : body + captured], original, name
        if kind == _INTERFACE:
            self._describe(block, body, end)
        if kind not in {_PACKET, _OLD_PACKET}:
            return None
        layout = self._packet if kind == _PACKET else self._old
        number, high, low, captured, original = layout(block, body)
        body += 20
        if number >= len(self.interfaces):
            raise Malformed(f"damaged capture: interface {number} is not described")
        if body + captured > end:
            raise Malformed(f"damaged capture: {captured} bytes of a frame in a block that has {end - body}")
        link, ticks, offset, _, name = self.interfaces[number]
        self.timestamp = offset + (high << 32 | low) / ticks
        return self.timestamp, link, block[body : body + captured], original, name

    def _describe(self, block: bytes, at: int, end: int) -> None:
        """Take in an interface description (§4.2), options that are cut short left out."""
        if len(self.interfaces) >= INTERFACE_LIMIT:
            raise Malformed(f"a capture of more than {INTERFACE_LIMIT} interfaces")
        link, snap = self._interface(block, at)
        ticks, offset, name = 1_000_000, 0, None
        at += 8
        while at + 4 <= end:
            code, length = self._option(block, at)
            at += 4
            if code == 0 or at + length > end:
                break
            if code == 2:
                name = block[at : at + min(length, NAME_LIMIT)].rstrip(b"\0").decode("utf-8", "replace")
            elif code == 9 and length == 1:
                ticks = 1 << (block[at] & 0x7F) if block[at] & 0x80 else 10 ** block[at]
            elif code == 14 and length == 8:
                offset = self._offset(block, at)[0]
            at += (length + 3) & ~3
        self.interfaces.append((link, ticks, offset, snap, name))


def pcapng(blocks: Blocks, block: bytes) -> Iterator[Frame]:
    """The frames of a file whose first bytes are given; one without a time has that of the frame before."""
    section = _section(block, 0, 0.0)
    at = 0
    while True:
        size = len(block)
        least = 12
        while at + 12 <= size:
            kind, length = section.block(block, at)
            if kind == _SECTION:
                # its byte order comes behind its length
                section = _section(block, at, section.timestamp)
                length = section.block(block, at)[1]
            if length < 12 or length > BLOCK_LIMIT:
                raise Malformed(f"damaged capture: a block of {length} bytes")
            end = at + length - 4
            if end + 4 > size:
                least = length
                break
            if section.number(block, end)[0] != length:
                raise Malformed(f"damaged capture: a block of {length} bytes does not end so")
            if end - at - 8 < _FIXED.get(kind, 0):
                raise Malformed(f"damaged capture: a block of type {kind} has {length} bytes")
            frame = section.frame(kind, block, at + 8, end)
            if frame is not None:
                yield frame
            at += length
        rest = block[at:]
        block = blocks.reach(rest, max(least, len(rest) + 1))
        if len(block) == len(rest):
            if rest:
                blocks.truncated = True
            return
        at = 0


# bytes that a block of this type has at least
_FIXED: Final[dict[int, int]] = {_SECTION: 16, _INTERFACE: 8, _OLD_PACKET: 20, _SIMPLE_PACKET: 4, _PACKET: 20}


def _section(block: bytes, at: int, timestamp: float) -> _Section:
    magic = block[at + 8 : at + 12]
    if magic == b"\x4d\x3c\x2b\x1a":
        return _Section("<", timestamp)
    if magic == b"\x1a\x2b\x3c\x4d":
        return _Section(">", timestamp)
    raise Malformed(f"no capture: a pcapng section of byte order {magic.hex(' ')}")
