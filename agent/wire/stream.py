"""One direction of a TCP connection put in order (RFC 9293): what overlaps comes once, the first that came wins."""

from __future__ import annotations

from typing import Final

MAX_HELD: Final = 64 << 10
"""Bytes of segments that came too early, of one direction."""
MAX_SEGMENTS: Final = 32
"""How many of them."""
WINDOW: Final = 1 << 24
"""A segment that is further ahead belongs to something else."""
_HALF: Final = 1 << 31
_MASK: Final = (1 << 32) - 1


class Stream:
    """The bytes of one direction, from the first segment that was seen.

    ``add`` gives pieces in order: bytes, or the number of bytes that are missing before the next ones. A segment that
    comes too early waits for those before it until ``MAX_SEGMENTS`` wait, or ``MAX_HELD`` bytes.
    """

    def __init__(self) -> None:
        self.next = -1
        """The sequence number of the next byte; -1 before anything is known."""
        self.first = -1
        """That of the first byte, where the SYN was seen."""
        self._early: list[tuple[int, bytes]] = []
        self.held = 0
        """Bytes that wait."""

    def begin(self, sequence: int) -> None:
        """Take the sequence number of a SYN."""
        self.first = sequence + 1 & _MASK
        if self.next < 0:
            self.next = self.first

    def add(self, sequence: int, data: bytes) -> list[bytes | int]:
        """Take one segment."""
        if self.next < 0:
            self.next = sequence
        ahead = sequence - self.next & _MASK
        if ahead == 0:
            self.next = sequence + len(data) & _MASK
            return self._drained([data]) if self._early else [data]
        if ahead >= _HALF:  # seen before, in part or as a whole
            known = -ahead & _MASK
            if known >= len(data):
                return []
            self.next = sequence + len(data) & _MASK
            return self._drained([data[known:]])
        if ahead > WINDOW:
            return []
        self._early.append((sequence, data))
        self.held += len(data)
        if len(self._early) > MAX_SEGMENTS or self.held > MAX_HELD:
            return self.skip()
        return []

    def skip(self) -> list[bytes | int]:
        """Do not wait any longer for what is missing before the earliest segment that waits."""
        if not self._early:
            return []
        first = min(one - self.next & _MASK for one, _ in self._early)
        self.next = self.next + first & _MASK
        return self._drained([first])

    def _drained(self, found: list[bytes | int]) -> list[bytes | int]:
        """The segments that waited and can follow now."""
        early = sorted(self._early, key=lambda one: one[0] - self.next + _HALF & _MASK)
        kept: list[tuple[int, bytes]] = []
        for sequence, data in early:
            ahead = sequence - self.next & _MASK
            if 0 < ahead < _HALF:
                kept.append((sequence, data))
                continue
            known = -ahead & _MASK
            if known < len(data):
                found.append(data[known:])
                self.next = sequence + len(data) & _MASK
        self._early = kept
        self.held = sum(len(data) for _, data in kept)
        return found
