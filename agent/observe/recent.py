"""What was seen lately: a dictionary that forgets the oldest when it is full."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most ``limit`` entries; what is put again becomes the youngest. ``forgotten`` counts what had to go."""

    __slots__ = ("_entries", "_limit", "forgotten")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: dict[K, V] = {}
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """The entry, which stays as old as it is."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep an entry as the youngest."""
        entries = self._entries
        if key in entries:
            del entries[key]
        elif len(entries) >= self._limit:
            del entries[next(iter(entries))]
            self.forgotten += 1
        entries[key] = value

    def pop(self, key: K) -> V | None:
        """The entry, which is forgotten."""
        return self._entries.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """All of them, the oldest first."""
        return list(self._entries.items())

    def values(self) -> list[V]:
        """Likewise, without their keys."""
        return list(self._entries.values())
