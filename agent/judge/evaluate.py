"""Values and matches over one packet, three-valued: True, False, or None for what cannot be known."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from agent.judge.packet import ABSENT, ADDED, NFPROTO_IPV4, UNKNOWN, Packet, Value
from agent.model.expression import (
    Binary,
    BoxTable,
    Concat,
    Device,
    Fib,
    Field,
    IntervalTable,
    Literal,
    Lookup,
    NamedSet,
    Opaque,
    Read,
)
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.expression import Box, Datum, Expr
    from agent.model.firewall import AnyOf, Match

WORD = 0xFFFFFFFF
MISSING: Datum = ()  # no element holds the key; no datum is an empty tuple


class Evaluator:
    """Evaluates expressions; keeps an index of each set with several dimensions.

    ``ask`` answers what rules ask about routes and interfaces (routing.py); ``added`` what rules that the packet
    has passed did to an element of a set (Ledger.state).
    """

    def __init__(
        self,
        ask: Callable[[Fib | Device, Packet], int],
        added: Callable[[Packet, NamedSet, Value], bool | None],
    ) -> None:
        self._ask = ask
        self._added = added
        self._indexes: dict[NamedSet, _BoxIndex] = {}

    def holds(self, match: Match, packet: Packet) -> bool | None:
        """Say whether the packet matches."""
        expr, members = match.expr, match.members
        value: Value = packet[expr.field] if type(expr) is Read else self.value(expr, packet)
        if value == ABSENT or (isinstance(value, tuple) and ABSENT in value):
            return match.absent_is_outside and match.negated
        inside: bool | None
        if isinstance(members, Intervals):
            if isinstance(value, tuple):
                return None
            if value == UNKNOWN:
                inside = None if members.starts else False
            else:
                at = bisect_right(members.starts, value) - 1
                inside = at >= 0 and value <= members.ends[at]
        else:
            inside = self.inside(members, value, packet)
        return inside if inside is None else inside is not match.negated

    def any_holds(self, step: AnyOf, packet: Packet) -> bool | None:
        """Say whether one of the matches holds (or none, where negated)."""
        result: bool | None = False
        for match in step.matches:
            held = self.holds(match, packet)
            if held:
                result = True
                break
            if held is None:
                result = None
        return result if result is None else result is not step.negated

    def inside(self, members: NamedSet, value: Value, packet: Packet) -> bool | None:
        """Say whether a set holds a key."""
        if members.family is not None and (members.family == 4) != (packet[Field.NFPROTO] == NFPROTO_IPV4):
            return False
        if packet[ADDED]:
            try:
                return self._added(packet, members, value)
            except LookupError:
                pass  # rules have changed other elements only
        elements = members.elements
        if isinstance(elements, IntervalTable):
            if isinstance(value, tuple):
                return None
            if value == UNKNOWN:
                return None if elements.keys.starts else False
            return value in elements.keys
        if isinstance(elements, BoxTable):
            found = self._index(members, elements).find(value if isinstance(value, tuple) else (value,))
            return _polarity(found)
        return None

    def data(self, members: NamedSet, value: Value) -> list[Datum] | None:
        """Give what a map may hold for a key: one datum if certain, MISSING for none; None: anything."""
        elements = members.elements
        if isinstance(elements, IntervalTable):
            data = elements.data or ()
            if isinstance(value, tuple):
                return None
            if value == UNKNOWN:
                return [MISSING, *dict.fromkeys(data)]
            keys = elements.keys
            at = bisect_right(keys.starts, value) - 1
            return [data[at]] if at >= 0 and value <= keys.ends[at] else [MISSING]
        if isinstance(elements, BoxTable):
            found = self._index(members, elements).find(value if isinstance(value, tuple) else (value,))
            out: list[Datum] = [MISSING if box.data is None else box.data for box, _ in found]
            return out if found and found[-1][1] else [*out, MISSING]
        return None

    def value(self, expr: Expr, packet: Packet) -> Value:
        """Give an expression's value: an integer, a tuple of them for a concatenation, ABSENT or UNKNOWN."""
        match expr:
            case Read():
                return packet[expr.field]
            case Literal():
                return expr.value
            case Binary():
                left, right = self.value(expr.left, packet), self.value(expr.right, packet)
                if isinstance(left, tuple) or isinstance(right, tuple):
                    return UNKNOWN
                return _binary(expr.op, left, right)
            case Concat():
                flat: list[int] = []
                for part in expr.parts:
                    one = self.value(part, packet)
                    flat.extend(one) if isinstance(one, tuple) else flat.append(one)
                return tuple(flat)
            case Lookup():
                key = self.value(expr.key, packet)
                if key == ABSENT or (isinstance(key, tuple) and ABSENT in key):
                    return ABSENT
                found = self.data(expr.table, key)
                if found is None or len(found) != 1:
                    return UNKNOWN
                datum = found[0]
                if datum == MISSING:
                    return ABSENT
                return datum if isinstance(datum, int | tuple) else UNKNOWN
            case Fib() | Device():
                return self._ask(expr, packet)
            case Opaque():
                return UNKNOWN

    def _index(self, members: NamedSet, elements: BoxTable) -> _BoxIndex:
        index = self._indexes.get(members)
        if index is None:
            index = self._indexes[members] = _BoxIndex(elements)
        return index


class _BoxIndex:
    """First box that holds a key: a dictionary for single points, a list for the rest."""

    def __init__(self, table: BoxTable) -> None:
        self._boxes = table.boxes
        self._points: dict[tuple[int, ...], int] = {}
        self._wide: list[int] = []
        for at, box in enumerate(table.boxes):
            if all(low == high for low, high in box.sides):
                self._points.setdefault(tuple(low for low, _ in box.sides), at)
            else:
                self._wide.append(at)

    def find(self, key: tuple[int, ...]) -> list[tuple[Box, bool]]:
        """Give the boxes that may decide, first first; the flag says that this one surely holds the key."""
        if UNKNOWN in key:
            return self._possible(key)
        at = self._points.get(key, len(self._boxes))
        for wide in self._wide:
            if wide > at:
                break
            if all(low <= part <= high for part, (low, high) in zip(key, self._boxes[wide].sides, strict=False)):
                at = wide
                break
        return [(self._boxes[at], True)] if at < len(self._boxes) else []

    def _possible(self, key: tuple[int, ...]) -> list[tuple[Box, bool]]:
        return [
            (box, False)
            for box in self._boxes
            if all(part == UNKNOWN or low <= part <= high for part, (low, high) in zip(key, box.sides, strict=False))
        ]


def _polarity(found: list[tuple[Box, bool]]) -> bool | None:
    """Whether the key is in the set, given the boxes that may decide; after all of them, it is not."""
    outcomes = {not box.nomatch for box, _ in found}
    if not found or not found[-1][1]:
        outcomes |= {False}
    return outcomes.pop() if len(outcomes) == 1 else None


def _binary(op: str, left: int, right: int) -> int:
    if ABSENT in (left, right):
        return ABSENT
    if op == "&" and 0 in (left, right):
        return 0
    if UNKNOWN in (left, right):
        return UNKNOWN
    match op:
        case "&":
            return left & right
        case "|":
            return left | right
        case "^":
            return left ^ right
        case "<<":
            return (left << right) & WORD
        case _:
            return left >> right
