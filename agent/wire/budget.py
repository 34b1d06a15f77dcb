"""How much waits for the rest of a message, in all: whoever waits longest gives way."""

from __future__ import annotations


class Budget:
    """Bytes by whom they wait for; more than ``limit`` in all are never kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sizes: dict[bytes, int] = {}
        self.total = 0

    def __contains__(self, key: bytes) -> bool:
        return key in self._sizes

    def put(self, key: bytes, size: int) -> list[bytes]:
        """So many bytes wait there now; give those that have to let go of theirs, the longest waiting first."""
        sizes = self._sizes
        before = sizes.get(key)
        if size:
            sizes[key] = size
        elif before is not None:
            del sizes[key]
        self.total += size - (before or 0)
        gone: list[bytes] = []
        while self.total > self._limit:
            oldest = next(iter(sizes))
            self.total -= sizes.pop(oldest)
            gone.append(oldest)
        return gone
