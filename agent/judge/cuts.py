"""Where along one address axis (destinations or sources) the outcome of conditions may change."""

from __future__ import annotations

from typing import Final

from agent.model.expression import (
    Binary,
    BoxTable,
    Concat,
    Expr,
    Fib,
    Field,
    IntervalTable,
    Literal,
    Lookup,
    NamedSet,
    Read,
)
from agent.model.firewall import AddToSet, AnyOf, Assign, Dnat, Match, Snat, Step, Vmap
from agent.model.intervals import Intervals
from agent.model.record import record

MAX_MASK_HOLES: Final = 12
"""Bits that a mask may leave out in its middle: more would cut the space into more than 4096 pieces."""


def reads(expr: Expr, field: Field) -> bool:
    """Whether an expression looks at a field."""
    match expr:
        case Read():
            return expr.field is field
        case Binary():
            return reads(expr.left, field) or reads(expr.right, field)
        case Concat():
            return any(reads(part, field) for part in expr.parts)
        case Lookup():
            return reads(expr.key, field)
        case Fib():
            return expr.address is field
        case _:
            return False


@record
class Axis:
    """One address field of one family; ``route_bounds`` are the points where routing may change."""

    field: Field
    family: int
    route_bounds: tuple[int, ...]

    @property
    def highest(self) -> int:
        """The last address."""
        return (1 << (32 if self.family == 4 else 128)) - 1

    def reads(self, expr: Expr) -> bool:
        """Whether an expression looks at this field."""
        return expr.field is self.field if type(expr) is Read else reads(expr, self.field)

    def inside(self, expr: Expr, members: Intervals | NamedSet) -> Intervals | None:
        """The addresses for which a plain condition holds; None where it is not plain."""
        if isinstance(members, NamedSet):
            if members.family is not None and (members.family == 4) != (self.family == 4):
                return Intervals()
            if not isinstance(members.elements, IntervalTable):
                return None
            keys = members.elements.keys
        else:
            keys = members
        if type(expr) is Read and expr.field is self.field:
            return keys if not keys or keys.ends[-1] <= self.highest else keys & Intervals.span(0, self.highest)
        mask = self._mask(expr)
        return None if mask is None else self._masked(mask, keys)

    def _mask(self, expr: Expr) -> int | None:
        match expr:
            case Binary("&", Read(field), Literal(mask)) if field is self.field:
                return mask
            case _:
                return None

    def _masked(self, mask: int, keys: Intervals) -> Intervals | None:
        """Addresses whose masked value is a key, for masks with few enough holes and single keys."""
        low = mask & -mask
        holes = [bit for bit in range(low.bit_length(), self.highest.bit_length()) if not mask >> bit & 1]
        if not mask or len(holes) > MAX_MASK_HOLES:
            return None
        out = []
        for start, end in keys:
            if start != end and holes:
                return None
            first = -(-start // low) * low  # masked values are multiples of the lowest bit
            last = end // low * low
            if first > last:
                continue
            if not holes:
                out.append((first & mask, last | (low - 1)))
            elif first & mask == first:
                for pattern in range(1 << len(holes)):
                    spread = sum(1 << bit for at, bit in enumerate(holes) if pattern >> at & 1)
                    out.append((first | spread, first | spread | (low - 1)))
        return Intervals.of(out)

    def step_cuts(self, step: Step) -> set[int] | None:
        """Points where the outcome of a step may change; None where they cannot be listed."""
        match step:
            case Match():
                return self.cuts(step.expr, step.members)
            case AnyOf():
                found = [self.cuts(one.expr, one.members) for one in step.matches]
            case Vmap():
                return self.cuts(step.key, step.table)
            case Assign():
                return self.cuts(step.value, None)
            case AddToSet():
                return self.cuts(step.key, None)
            case Dnat() | Snat() if step.lookup is not None:
                return self.cuts(step.lookup, None)
            case _:
                return set()
        return None if None in found else set().union(*(points for points in found if points is not None))

    def cuts(self, expr: Expr, members: Intervals | NamedSet | None) -> set[int] | None:
        """Points where an expression's place in ``members`` may change; None where they cannot be listed."""
        if not self.reads(expr):
            return set()
        match expr:
            case Fib():
                return set(self.route_bounds)
            case Lookup():
                return self.cuts(expr.key, expr.table)
            case Concat() if isinstance(members, NamedSet) and isinstance(members.elements, BoxTable):
                boxes = members.elements.boxes
                found = [
                    self.cuts(part, Intervals.of(box.sides[at] for box in boxes if at < len(box.sides)))
                    if part != Read(self.field)
                    else {point for box in boxes for point in (box.sides[at][0], box.sides[at][1] + 1)}
                    for at, part in enumerate(expr.parts)
                ]
            case Concat():
                found = [self.cuts(part, None) for part in expr.parts]
            case Binary():
                inside = None if members is None else self.inside(expr, members)
                return None if inside is None else _edges(inside)
            case _:
                return _own_edges(members)
        return None if None in found else set().union(*(points for points in found if points is not None))


def _own_edges(members: Intervals | NamedSet | None) -> set[int]:
    if isinstance(members, Intervals):
        return _edges(members)
    if isinstance(members, NamedSet):
        elements = members.elements
        if isinstance(elements, IntervalTable):  # the intervals of a map may touch: each has its own data
            return _edges(elements.keys)
        if isinstance(elements, BoxTable):
            return {point for box in elements.boxes for point in (box.sides[0][0], box.sides[0][1] + 1)}
    return set()


def _edges(keys: Intervals) -> set[int]:
    return {*keys.starts, *(end + 1 for end in keys.ends)}
