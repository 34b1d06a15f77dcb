"""Stretches of addresses that rules ask for, as parallel columns: what can be said of all of them at once.

A deny-list of a hundred thousand rules has that many stretches, and hardly two of them meet. Those that lie
alone are settled without a step for each.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, compress, islice
from operator import and_, ge, invert, lt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.intervals import Interval

CROWD: Final = 64
"""A stretch in which at least so many others begin is wide."""
Event = tuple[int, int]
"""An address, and the place of a rule that begins to be active there, or (inverted) ceases to be."""
BEYOND: Final = (1 << 129, 0)
"""Comes after all other events."""


@dataclass(slots=True)
class Spans:
    """Stretches, the place of the rule that asks for each, and its kind (see plan.py)."""

    lows: list[int] = field(default_factory=list)
    highs: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)

    def add(self, low: int, high: int, place: int, kind: int) -> None:
        """Note one stretch of one rule."""
        self.lows.append(low)
        self.highs.append(high)
        self.places.append(place)
        self.kinds.append(kind)

    def where(self, chosen: Iterable[object]) -> Spans:
        """Those for which the parallel ``chosen`` is true."""
        mask = list(chosen)
        return Spans(*(list(compress(column, mask)) for column in self._columns()))

    def within(self, addresses: Iterable[Interval]) -> Spans:
        """What of them, sorted and none meeting another, lies in sorted addresses."""
        found = Spans()
        for low, high in addresses:
            first = bisect_left(self.highs, low)
            last = bisect_right(self.lows, high, first)
            if first < last:
                for mine, column in zip(found._columns(), self._columns(), strict=True):
                    mine.extend(column[first:last])
                found.lows[first - last] = max(found.lows[first - last], low)
                found.highs[-1] = min(found.highs[-1], high)
        return found

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """One after the other: first and last address, place and kind."""
        return zip(*self._columns(), strict=True)

    def in_order(self) -> Spans:
        """Sorted by their first address; as new numbers, which lie in memory in the order in which they are used."""
        order = sorted(range(len(self.lows)), key=self.lows.__getitem__)
        return Spans(*(list(map((0).__add__, map(column.__getitem__, order))) for column in self._columns()))

    def __add__(self, other: Spans) -> Spans:
        """Both; not in order."""
        return Spans(*(mine + more for mine, more in zip(self._columns(), other._columns(), strict=True)))

    def wide(self) -> list[bool]:
        """Which of them, sorted, are wide."""
        found = list(map(ge, self.highs, islice(self.lows, CROWD, None)))
        return found + [False] * (len(self.lows) - len(found))

    def alone(self) -> list[bool]:
        """Which of them, sorted, meet no other: where a stretch begins behind all ends so far, and so does the next."""
        if not self.lows:
            return []
        apart = [True, *map(lt, accumulate(self.highs, max), islice(self.lows, 1, None)), True]
        return list(map(and_, apart, islice(apart, 1, None)))

    def events(self) -> list[Event]:
        """Where the rules begin and cease to be active, in order; BEYOND is the last."""
        behind = map((1).__add__, self.highs)
        return sorted(
            [*zip(self.lows, self.places, strict=True), *zip(behind, map(invert, self.places), strict=True), BEYOND]
        )

    def _columns(self) -> tuple[list[int], list[int], list[int], list[int]]:
        return self.lows, self.highs, self.places, self.kinds
