"""Parts of a proof: which rule decided what, and which of them count most."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from agent.judge.patchwork import Patchwork
from agent.model.firewall import source_of
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.judge.doubt import Doubt
    from agent.model.firewall import Decider
    from agent.model.intervals import Interval
    from agent.model.source import Source

RANKED: Final = 50
"""Parts that a ranking names one by one."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Destinations with one verdict by one rule, or by rules of one chain that divide them among themselves."""

    verdict: str
    """``accept``, ``drop``, ``reject`` or ``unknown``."""
    addresses: Intervals
    decider: Decider | Patchwork | None
    """The rule or policy, where one decided; or which rule did where."""
    stage: str = "firewall"
    note: str = ""
    elsewhere: str = ""
    """Where NAT sends accepted packets instead of their destination, for example ``this host port 3128``."""
    doubts: tuple[Doubt, ...] = ()
    answers: bool = False
    """It is the answers that are stopped."""

    @property
    def source(self) -> Source | None:
        """Where the rule stands; made anew each time, as few of many thousands are ever looked at."""
        return source_of(*self.decider) if isinstance(self.decider, tuple) else None

    def by_rule(self, only: frozenset[Decider | None] | None = None) -> Iterator[Decided]:
        """One part for each rule, or for each of some."""
        if not isinstance(self.decider, Patchwork):
            if only is None or self.decider in only:
                yield self
            return
        if (single := self.decider.only) is not None:
            if only is None or single in only:
                yield replace(self, decider=single)
            return
        pieces: dict[Decider, list[Interval]] = defaultdict(list)
        for low, high, decider in self.decider.within(self.addresses):
            if only is None or decider in only:
                pieces[decider].append((low, high))
        for decider, some in pieces.items():
            yield replace(self, decider=decider, addresses=Intervals.of(some))

    def sizes(self) -> dict[Decider | None, int]:
        """How many addresses each rule decided."""
        if not isinstance(self.decider, Patchwork):
            return {self.decider: self.addresses.size()}
        if (single := self.decider.only) is not None:
            return {single: self.addresses.size()}
        sizes: dict[Decider | None, int] = {}
        for low, high, decider in self.decider.within(self.addresses):
            sizes[decider] = sizes.get(decider, 0) + high - low + 1
        return sizes


@dataclass(frozen=True, slots=True)
class Ranking:
    """Parts by rule, the widest first."""

    count: int
    widest: tuple[Decided, ...]
    """At most RANKED of them."""
    deciders: tuple[Decider, ...]
    """All rules and policies among them, each once."""


def rank(parts: Iterable[Decided]) -> Ranking:
    """Rank parts; of those by one rule, to the same end and for the same reason, the widest counts."""
    groups: dict[tuple[object, ...], list[tuple[Decided, dict[Decider | None, int]]]] = defaultdict(list)
    for part in parts:
        groups[part.verdict, part.note, part.answers].append((part, part.sizes()))
    count = 0
    widest: list[Decided] = []
    deciders: dict[Decider | None, None] = {}
    for some in groups.values():
        sizes = some[0][1]
        for _, more in some[1:]:
            sizes = sizes | {who: max(size, sizes.get(who, 0)) for who, size in more.items()}
        count += len(sizes)
        deciders |= dict.fromkeys(sizes)
        chosen = frozenset(nlargest(RANKED, sizes, key=sizes.__getitem__))
        by_rule = {
            part.decider: part
            for whole, own in some
            for part in whole.by_rule(frozenset(who for who in chosen if own.get(who) == sizes[who]))
        }
        widest += by_rule.values()
    widest.sort(key=lambda part: (-part.addresses.size(), part.addresses.starts[0], part.note))
    return Ranking(count, tuple(widest[:RANKED]), tuple(who for who in deciders if who is not None))
