"""Which of a zone's clients the rules tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.model.firewall import AnyOf, Assign, Field, Match, Read, Vmap
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.judge.cuts import Axis
    from agent.model.firewall import Expr, Firewall, NamedSet, Step

    Condition = tuple[Expr, Intervals | NamedSet | None]

MAX_CLASSES: Final = 16
"""Classes proved one by one; beyond them the answer holds for the largest classes only, and says so."""


@dataclass(frozen=True, slots=True)
class SourceClass:
    """Clients that no rule tells apart; ``sample`` stands for all of them."""

    sample: int
    addresses: Intervals


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a zone, largest first; ``complete`` is False where there were more."""

    classes: tuple[SourceClass, ...]
    complete: bool = True


def source_classes(clients: Intervals, firewall: Firewall, axis: Axis) -> Classes:
    """Split clients into classes that all conditions on the source treat alike."""
    conditions = tuple(dict.fromkeys(_conditions(firewall, axis)))
    bounds: list[list[int]] = []
    for expr, members in conditions:
        if expr != Read(Field.SADDR) or not isinstance(members, Intervals):
            points = axis.cuts(expr, members)
            bounds.append(sorted(points or ()))
    plain = [members for expr, members in conditions if expr == Read(Field.SADDR) and isinstance(members, Intervals)]
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
    return Classes(tuple(classes[:MAX_CLASSES]), len(classes) <= MAX_CLASSES)


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


def _conditions(firewall: Firewall, axis: Axis) -> Iterator[Condition]:
    """All conditions that look at the source address in tables that see this family."""
    for table in firewall.tables:
        if table.covers(axis.family):
            for chain in table.chains.values():
                for rule in chain.rules:
                    for step in rule.steps:
                        yield from (one for one in _asked(step) if axis.reads(one[0]))


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
