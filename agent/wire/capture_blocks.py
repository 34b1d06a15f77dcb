"""The bytes of a capture file, block by block, unpacked where it is compressed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from agent.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

Frame = tuple[float, int, bytes, int, str | None]
"""Seconds since 1970, link type, captured bytes, length on the wire, name of the interface."""

BLOCK = 1 << 18
"""Bytes that are asked for at once, and that a compressed block grows to at most."""
GZIP = b"\x1f\x8b"
# zlib's word for "with a header and trailer of gzip" (zlib.h, inflateInit2)
_GZIP_WINDOW = 31


class Blocks:
    """What ``read`` gives, as long as it gives anything; several members of gzip (RFC 1952 §2.2) are one stream."""

    __slots__ = ("_inflater", "_pending", "_read", "position", "truncated")

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._inflater: zlib._Decompress | None = None
        self._pending = b""
        self.position = 0
        """Bytes taken from the file."""
        self.truncated = False
        """Whether the file ended within something."""

    def first(self, least: int) -> bytes:
        """The begin of the contents, at least so many bytes unless there are fewer."""
        begin = self.reach(b"", 2)
        if begin[:2] == GZIP:
            self._pending = begin
            self._inflater = zlib.decompressobj(_GZIP_WINDOW)
            begin = b""
        return self.reach(begin, least)

    def reach(self, block: bytes, least: int) -> bytes:
        """The block with what follows, at least so many bytes unless the file ends before."""
        have = len(block)
        parts = [block]
        while have < least:
            more = self.more()
            if not more:
                break
            parts.append(more)
            have += len(more)
        return b"".join(parts)

    def more(self) -> bytes:
        """The next block, empty at the end."""
        return self._stored() if self._inflater is None else self._inflated(self._inflater)

    def _stored(self) -> bytes:
        block = self._read(BLOCK)
        self.position += len(block)
        return block

    def _inflated(self, inflater: zlib._Decompress) -> bytes:
        # each turn takes input, gives output, or ends
        while True:
            ended = False
            if not self._pending:
                self._pending = self._stored()
                ended = not self._pending
            if inflater.eof:
                # RFC 1952 says nothing of what may stand behind the last member; gzip passes over zeros and refuse
                self._pending = self._pending.lstrip(b"\0")
                if ended or self._pending[:1] not in {b"", GZIP[:1]}:
                    self._pending = b""
                    return b""
                if not self._pending:
                    continue
                self._inflater = inflater = zlib.decompressobj(_GZIP_WINDOW)
            try:
                out = inflater.decompress(self._pending, BLOCK)
            except zlib.error as error:
                raise Malformed(f"damaged gzip data: {error}") from None
            self._pending = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if out:
                return out
            if ended:
                self.truncated = self.truncated or not inflater.eof
                return b""
