"""Who decided where, when the rules of one base chain divide many addresses among them.

A deny-list of a hundred thousand rules has as many deciders, but only one outcome: packets that passed, or were
dropped, by whichever rule, are alike from there on and travel as one load.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.firewall import Decider
    from agent.model.intervals import Intervals


@dataclass(frozen=True, slots=True, eq=False)
class Patchwork:
    """Parallel, sorted, disjoint pieces of an address space, and the rule that decided each."""

    addresses: Intervals
    """All of them together."""
    starts: list[int]
    ends: list[int]
    deciders: list[Decider]

    @property
    def only(self) -> Decider | None:
        """The rule that decided everywhere, where it is just one."""
        first = self.deciders[0]
        return first if self.deciders.count(first) == len(self.deciders) else None

    def within(self, addresses: Intervals) -> Iterator[tuple[int, int, Decider]]:
        """The pieces that lie in these addresses, cut to them."""
        starts, ends, deciders = self.starts, self.ends, self.deciders
        if addresses == self.addresses:
            yield from zip(starts, ends, deciders, strict=True)
            return
        count = len(starts)
        at = 0
        for low, high in addresses:
            at = bisect_left(ends, low, at)
            while at < count and starts[at] <= high:
                yield max(starts[at], low), min(ends[at], high), deciders[at]
                if ends[at] > high:
                    break
                at += 1
