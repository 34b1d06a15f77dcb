"""Who decided where, when the rules of one base chain divide many addresses among them.

A deny-list of a hundred thousand rules has as many deciders, but only one outcome: packets that passed, or were
dropped, by whichever rule, are alike from there on and travel as one load.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from operator import lt
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals
from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.firewall import Chain, Decider, Rule, Table

PLACE_BITS: Final = 32
"""A rule's place is its chain's number, shifted by so many bits, and its index there."""
_INDEX: Final = (1 << PLACE_BITS) - 1


@dataclass(frozen=True, eq=False)
class Roll:
    """Who stands at which place of the chains that one base chain can reach."""

    table: Table
    chains: tuple[Chain, ...]
    """By number."""

    def place(self, decider: Decider) -> int | None:
        """Where a rule stands; None for those of other chains, and for policies."""
        rule = decider[2]
        return None if rule is None else self._places.get(rule)

    @cached_property
    def _places(self) -> dict[Rule, int]:
        return {
            rule: number << PLACE_BITS | at
            for number, chain in enumerate(self.chains)
            for at, rule in enumerate(chain.rules)
        }

    def decider(self, place: int) -> Decider:
        """The rule at a place, and where that is."""
        chain = self.chains[place >> PLACE_BITS]
        return self.table, chain, chain.rules[place & _INDEX]


@dataclass(slots=True)
class Pieces:
    """Parallel, sorted, disjoint pieces of an address space, and the place of the rule that decided each."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def sort(self) -> None:
        """Bring pieces that were added in several walks into order."""
        if all(map(lt, self.starts, islice(self.starts, 1, None))):
            return
        rows = sorted(zip(self.starts, self.ends, self.places, strict=True))
        self.starts, self.ends, self.places = map(list, zip(*rows, strict=True))

    def addresses(self) -> Intervals:
        """All of them together."""
        return Intervals.of_bounds(self.starts, self.ends)

    def within(self, addresses: Intervals) -> Pieces:
        """What of them lies in these addresses."""
        count, at = len(self.starts), 0
        found = Pieces()
        for low, high in addresses:
            at = bisect_left(self.ends, low, at)
            while at < count and self.starts[at] <= high:
                found.starts.append(max(self.starts[at], low))
                found.ends.append(min(self.ends[at], high))
                found.places.append(self.places[at])
                if self.ends[at] > high:
                    break
                at += 1
        return found


@record(eq=False)
class Patchwork:
    """The pieces of many addresses, each with the rule that decided it."""

    addresses: Intervals
    """All of them together."""
    pieces: Pieces
    roll: Roll

    @property
    def only(self) -> int | None:
        """The place of the rule that decided everywhere, where it is just one, such as one of a long list."""
        places = self.pieces.places
        return places[0] if places.count(places[0]) == len(places) else None

    def within(self, addresses: Intervals) -> Pieces:
        """The pieces in some of the addresses."""
        return self.pieces if addresses == self.addresses else self.pieces.within(addresses)
