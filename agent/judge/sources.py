"""Which of a zone's clients the rules tell apart."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from agent.model.expression import Field, Read
from agent.model.firewall import AnyOf, Assign, Match, Vmap
from agent.model.intervals import Intervals
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from agent.judge.cuts import Axis
    from agent.model.expression import Expr, NamedSet
    from agent.model.firewall import Decider, Firewall, Step
    from agent.model.intervals import Interval

    Condition = tuple[Expr, Intervals | NamedSet | None]

MAX_CLASSES: Final = 16
"""Classes proved one by one; beyond them the answer holds for the largest classes only, and says so."""
MAX_RULES: Final = 20
"""Rules named that tell clients apart, where there are more classes."""


@record
class SourceClass:
    """Clients that no rule tells apart; ``sample`` stands for all of them."""

    sample: int
    addresses: Intervals


@record
class Classes:
    """The classes of a zone, largest first; ``told_apart_by`` is empty unless there were more."""

    classes: tuple[SourceClass, ...]
    told_apart_by: tuple[Decider, ...] = ()
    """The first rules that tell clients apart."""


class Sources:
    """What the rules of one gateway ask about source addresses of one family."""

    def __init__(self, firewall: Firewall, axis: Axis) -> None:
        self._axis = axis
        self._known: dict[Intervals, Classes] = {}
        self._asked: dict[Condition, Decider] = {}
        for condition, rule in _conditions(firewall, axis):
            self._asked.setdefault(condition, rule)

    def classes(self, clients: Intervals) -> Classes:
        """Split clients into classes that all conditions on the source treat alike."""
        known = self._known.get(clients)
        if known is None:
            known = self._known[clients] = self._split(clients)
        return known

    def _split(self, clients: Intervals) -> Classes:
        """One walk over all bounds; clients within the same plain sets and between the same other bounds are alike."""
        first, last = clients.starts[0], clients.ends[-1]
        events: list[tuple[int, int]] = []
        others: list[list[int]] = []
        for number, (expr, members) in enumerate(self._asked):
            if expr == Read(Field.SADDR) and isinstance(members, Intervals):
                begin, end = members.touched(first, last)
                events += ((max(low, first), number) for low in members.starts[begin:end])
                events += ((high + 1, ~number) for high in members.ends[begin:end])
            else:
                others.append(sorted(self._axis.cuts(expr, members) or ()))
        events.sort()
        points = {point for point, _ in events}.union(*others)
        within: set[int] = set()
        at = 0
        groups: dict[Hashable, list[Interval]] = {}
        for low, high in _cells(clients, sorted(points)):
            while at < len(events) and events[at][0] <= low:
                number = events[at][1]
                within ^= {number if number >= 0 else ~number}
                at += 1
            signature = (frozenset(within), *(bisect_right(some, low) for some in others))
            groups.setdefault(signature, []).append((low, high))
        classes = sorted(
            (SourceClass(cells[0][0], Intervals.of(cells)) for cells in groups.values()),
            key=lambda one: (-one.addresses.size(), one.sample),
        )
        if len(classes) <= MAX_CLASSES:
            return Classes(tuple(classes))
        rules = (rule for condition, rule in self._asked.items() if _tells_apart(condition, clients, self._axis))
        return Classes(tuple(classes[:MAX_CLASSES]), tuple(dict.fromkeys(rules))[:MAX_RULES])


def _tells_apart(condition: Condition, clients: Intervals, axis: Axis) -> bool:
    """Whether some clients are treated in another way than others: a point of change lies among them."""
    points = axis.cuts(*condition) or ()
    first, last = clients.starts[0], clients.ends[-1]
    return any(first < point <= last for point in points)


def _cells(clients: Intervals, points: list[int]) -> Iterator[Interval]:
    for low, high in clients:
        inner = points[bisect_right(points, low) : bisect_right(points, high)]
        yield from zip((low, *inner), (*(point - 1 for point in inner), high), strict=True)


def _conditions(firewall: Firewall, axis: Axis) -> Iterator[tuple[Condition, Decider]]:
    """All conditions that look at the source address in tables that see this family, with their rules."""
    for table in firewall.tables:
        if table.covers(axis.family):
            for chain in table.chains.values():
                for rule in chain.rules:
                    for step in rule.steps:
                        if type(step) is Match and type(step.expr) is Read and step.expr.field is not axis.field:
                            continue  # by far the most
                        for one in _asked(step):
                            if axis.reads(one[0]):
                                yield one, (table, chain, rule)


def _asked(step: Step) -> tuple[Condition, ...]:
    match step:
        case Match():
            return ((step.expr, step.members),)
        case AnyOf():
            return tuple((match.expr, match.members) for match in step.matches)
        case Vmap():
            return ((step.key, step.table),)
        case Assign():
            return ((step.value, None),)
        case _:
            return ()
