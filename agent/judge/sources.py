"""Which of a zone's clients the rules tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.model.firewall import AnyOf, Assign, Field, Match, Read, Vmap
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.judge.cuts import Axis
    from agent.model.firewall import Decider, Expr, Firewall, NamedSet, Step

    Condition = tuple[Expr, Intervals | NamedSet | None]

MAX_CLASSES: Final = 16
"""Classes proved one by one; beyond them the answer holds for the largest classes only, and says so."""
MAX_RULES: Final = 20
"""Rules named that tell clients apart, where there are more classes."""


@dataclass(frozen=True, slots=True)
class SourceClass:
    """Clients that no rule tells apart; ``sample`` stands for all of them."""

    sample: int
    addresses: Intervals


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a zone, largest first; ``told_apart_by`` is empty unless there were more."""

    classes: tuple[SourceClass, ...]
    told_apart_by: tuple[Decider, ...] = ()
    """The first rules that tell clients apart."""


def source_classes(clients: Intervals, firewall: Firewall, axis: Axis) -> Classes:
    """Split clients into classes that all conditions on the source treat alike."""
    asked: dict[Condition, Decider] = {}
    for condition, rule in _conditions(firewall, axis):
        asked.setdefault(condition, rule)
    bounds: list[list[int]] = []
    for expr, members in asked:
        if expr != Read(Field.SADDR) or not isinstance(members, Intervals):
            bounds.append(sorted(axis.cuts(expr, members) or ()))
    plain = [members for expr, members in asked if expr == Read(Field.SADDR) and isinstance(members, Intervals)]
    points = {point for some in bounds for point in some}
    points |= {point for some in plain for low, high in some for point in (low, high + 1)}
    groups: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for low, high in _cells(clients, sorted(points)):
        signature = (
            *(low in members for members in plain),
            *(_place(some, low) for some in bounds),
        )
        groups.setdefault(signature, []).append((low, high))
    classes = sorted(
        (SourceClass(cells[0][0], Intervals.of(cells)) for cells in groups.values()),
        key=lambda one: (-one.addresses.size(), one.sample),
    )
    if len(classes) <= MAX_CLASSES:
        return Classes(tuple(classes))
    rules = (rule for condition, rule in asked.items() if _tells_apart(condition, clients, axis))
    return Classes(tuple(classes[:MAX_CLASSES]), tuple(dict.fromkeys(rules))[:MAX_RULES])


def _tells_apart(condition: Condition, clients: Intervals, axis: Axis) -> bool:
    """Whether some clients are treated in another way than others: a point of change lies among them."""
    points = axis.cuts(*condition) or ()
    first, last = clients.starts[0], clients.ends[-1]
    return any(first < point <= last for point in points)


def _place(points: list[int], value: int) -> int:
    return sum(point <= value for point in points)


def _cells(clients: Intervals, points: list[int]) -> Iterator[tuple[int, int]]:
    for low, high in clients:
        start = low
        for point in points:
            if low < point <= high:
                yield start, point - 1
                start = point
        yield start, high


def _conditions(firewall: Firewall, axis: Axis) -> Iterator[tuple[Condition, Decider]]:
    """All conditions that look at the source address in tables that see this family, with their rules."""
    for table in firewall.tables:
        if table.covers(axis.family):
            for chain in table.chains.values():
                for rule in chain.rules:
                    for step in rule.steps:
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
