"""Parts of a proof: which rule decided what, and which of them count most."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nlargest
from itertools import compress, count
from operator import sub
from typing import TYPE_CHECKING, Final

from agent.judge.patchwork import Patchwork
from agent.model.firewall import source_of
from agent.model.intervals import Intervals
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from agent.judge.crossing import Elsewhere
    from agent.judge.doubt import Doubt
    from agent.judge.patchwork import Roll
    from agent.model.firewall import Chain, Decider, Rule
    from agent.model.intervals import Interval
    from agent.model.source import Source

    Who = Decider | int | None
    """Who decided, by place where all stand in one roll."""

RANKED: Final = 50
"""Parts that a ranking names one by one."""


@record
class Decided:
    """Destinations with one verdict by one rule, or by rules of one chain that divide them among themselves."""

    verdict: str
    """``accept``, ``drop``, ``reject`` or ``unknown``."""
    addresses: Intervals
    decider: Decider | Patchwork | None
    """The rule or policy, where one decided; or which rule did where."""
    stage: str = "firewall"
    note: str = ""
    elsewhere: Elsewhere | None = None
    """Where accepted packets end instead of at their destination."""
    doubts: tuple[Doubt, ...] = ()
    answers: bool = False
    """It is the answers that are stopped."""

    @property
    def source(self) -> Source | None:
        """Where the rule stands; made anew each time, as few of many thousands are ever looked at."""
        return source_of(*self.decider) if isinstance(self.decider, tuple) else None

    def by_rule(self) -> Iterator[Decided]:
        """One part for each rule."""
        return self.of(self.sizes()) if isinstance(self.decider, Patchwork) else iter((self,))

    @property
    def roll(self) -> Roll | None:
        """Where the names of ``sizes`` are places of; None where there is just one decider."""
        return self.decider.roll if isinstance(self.decider, Patchwork) else None

    def sizes(self) -> dict[int, int]:
        """How many addresses the rules at several places decided."""
        sizes: dict[int, int] = {}
        if isinstance(self.decider, Patchwork):
            if (only := self.decider.only) is not None:
                return {only: self.addresses.size()}
            pieces = self.decider.within(self.addresses)
            for place, more in zip(pieces.places, map(sub, pieces.ends, pieces.starts), strict=True):
                sizes[place] = sizes.get(place, 0) + more + 1
        return sizes

    def of(self, places: Container[int]) -> Iterator[Decided]:
        """A part for each of the rules at some of these places."""
        if isinstance(self.decider, Patchwork):
            if (only := self.decider.only) is not None:
                if only in places:
                    yield replace(self, decider=self.decider.roll.decider(only))
                return
            pieces = self.decider.within(self.addresses)
            mine: dict[int, list[Interval]] = defaultdict(list)
            for at in compress(count(), map(places.__contains__, pieces.places)):
                mine[pieces.places[at]].append((pieces.starts[at], pieces.ends[at]))
            for place, some in mine.items():
                yield replace(self, decider=self.decider.roll.decider(place), addresses=Intervals.of(some))


def standing(parts: Iterable[Decided]) -> dict[Chain, set[Rule]]:
    """The chains that decided, each with those of its rules that did; none where it was the policy only."""
    found: dict[Chain, set[Rule]] = defaultdict(set)
    rolls: dict[Roll, set[int]] = defaultdict(set)
    for part in parts:
        if isinstance(part.decider, Patchwork):
            rolls[part.decider.roll].update(part.decider.within(part.addresses).places)
        elif part.decider is not None:
            _, chain, rule = part.decider
            found[chain] |= set() if rule is None else {rule}
    for roll, places in rolls.items():
        for place in places:
            _, chain, rule = roll.decider(place)
            if rule is not None:
                found[chain].add(rule)
    return found


@dataclass(frozen=True)
class Ranking:
    """Parts by rule, the widest first."""

    count: int
    widest: tuple[Decided, ...]
    """At most RANKED of them."""
    _everyone: tuple[tuple[Roll | None, Iterable[Who]], ...]

    @cached_property
    def deciders(self) -> tuple[Decider, ...]:
        """All rules and policies among them, each once."""
        found = dict.fromkeys(_decider(roll, who) for roll, some in self._everyone for who in some)
        return tuple(one for one in found if one is not None)


def _decider(roll: Roll | None, who: Who) -> Decider | None:
    if isinstance(who, int):
        return None if roll is None else roll.decider(who)
    return who


class _Named:
    """A part, with its rules by names that other parts know as well: places of a common roll, else deciders."""

    def __init__(self, part: Decided, common: Roll | None) -> None:
        self._part = part
        self._places: dict[Decider, int] | None = None
        self.sizes: Mapping[Who, int]
        if not isinstance(part.decider, Patchwork):
            place = common.place(part.decider) if common and part.decider else None
            self.sizes = {part.decider if place is None else place: part.addresses.size()}
        elif part.decider.roll is common:
            self.sizes = part.sizes()  # type: ignore[assignment]  # Mapping is invariant in its keys
        else:
            sizes = part.sizes()
            self._places = {part.decider.roll.decider(place): place for place in sizes}
            self.sizes = {who: sizes[place] for who, place in self._places.items()}

    def of(self, some: Iterable[Who]) -> Iterator[Decided]:
        """A part for each of some of the rules."""
        if self._part.roll is None:
            return iter((self._part,) if some else ())
        if self._places is None:
            return self._part.of({who for who in some if isinstance(who, int)})
        return self._part.of({self._places[who] for who in some if isinstance(who, tuple)})


def rank(parts: Iterable[Decided]) -> Ranking:
    """Rank parts; of those by one rule, to the same end and for the same reason, the widest counts."""
    groups: dict[tuple[object, ...], list[Decided]] = defaultdict(list)
    for part in parts:
        groups[part.verdict, part.note, part.answers].append(part)
    total = 0
    widest: list[Decided] = []
    everyone: list[tuple[Roll | None, Iterable[Who]]] = []
    for alike in groups.values():
        rolls = {part.roll for part in alike} - {None}
        common = rolls.pop() if len(rolls) == 1 else None
        named = [_Named(part, common) for part in alike]
        sizes = dict(named[0].sizes)
        for one in named[1:]:
            for who, size in one.sizes.items():
                sizes[who] = max(size, sizes.get(who, 0))
        total += len(sizes)
        everyone.append((common, sizes))
        chosen = nlargest(RANKED, sizes, key=sizes.__getitem__)
        by_rule = {
            found.decider: found
            for one in named
            for found in one.of([who for who in chosen if one.sizes.get(who) == sizes[who]])
        }
        widest += by_rule.values()
    widest.sort(key=lambda part: (-part.addresses.size(), part.addresses.starts[0], part.note))
    return Ranking(total, tuple(widest[:RANKED]), tuple(everyone))
