"""Rules that no packet reaches, because earlier rules of their chain decide all that they could match.

Exact where it says so: conditions are compared as sets, negated ones too. What cannot be compared (limits,
dynamic sets, fields that rules write) is never said to hide anything.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.judge.calls import Written
from agent.model.expression import Concat, Field, IntervalTable, NamedSet, Read
from agent.model.firewall import Match, Reject, Simple
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from agent.model.expression import Expr
    from agent.model.firewall import Rule, Table
    from agent.model.intervals import Interval

    Guard = frozenset[tuple[Expr, "Values"]]

DESTINATION: Final = Read(Field.DADDR)
EVERYWHERE: Final = Intervals.span(0, (1 << 128) - 1)
MAX_GROUPS: Final = 64
"""Different conditions besides the destination that are told apart; rules with others hide nothing."""


class Values(NamedTuple):
    """What a condition asks for: a set of values or, negated, all others; ``by`` is a set that is not looked into."""

    inside: Intervals
    negated: bool = False
    by: NamedSet | None = None

    def within(self, other: Values) -> bool:
        """Whether every value of this one is surely a value of the other."""
        if self.by is not None or other.by is not None:
            return self.by is other.by and self.negated == other.negated
        if not self.negated and not other.negated:
            return self.inside <= other.inside
        if not self.negated:
            return not self.inside & other.inside
        return other.negated and other.inside <= self.inside

    def and_also(self, other: Values) -> Values | None:
        """The values of both; None where that is no such set."""
        if self.by is not None or other.by is not None:
            return self if self == other else None
        if not self.negated and not other.negated:
            return Values(self.inside & other.inside)
        if self.negated and other.negated:
            return Values(self.inside | other.inside, negated=True)
        plain, but = (other, self) if self.negated else (self, other)
        return Values(plain.inside - but.inside)


class Box(NamedTuple):
    """The packets that a rule is about; a rule with more conditions than these is about fewer of them."""

    guard: Guard
    """What it asks besides the destination."""
    destinations: Intervals
    by: tuple[NamedSet, bool] | None
    """A set of destinations that is not looked into, and whether it is negated."""
    whole: bool
    """Whether these are all its plain conditions."""


def final(rule: Rule) -> bool:
    """Whether a rule only decides, for all that it matches."""
    last = rule.steps[-1] if rule.steps else None
    decides = isinstance(last, Reject) or last in (Simple.ACCEPT, Simple.DROP)
    return decides and all(isinstance(step, Match) for step in rule.steps[:-1])


def may_touch(rule: Rule, destinations: Intervals) -> bool:
    """Whether a rule may match packets to some of these; a quick look that leaves most of a long list out."""
    for step in rule.steps:
        if isinstance(step, Match) and isinstance(step.expr, Read) and step.expr.field is Field.DADDR:
            if isinstance(step.members, Intervals) and not step.negated:
                return any(destinations.overlaps(low, high) for low, high in step.members)
            return True
    return True


def changed(table: Table) -> frozenset[Field]:
    """The fields that rules of a table write: a condition on them may hold for one rule and not for the next."""
    return Written.of(rule for chain in table.chains.values() for rule in chain.rules).fields


def box(rule: Rule, written: frozenset[Field]) -> Box:
    """The conditions of a rule, as far as they can be compared; not those on fields that rules write."""
    sides: dict[Expr, Values] = {}
    whole = True
    for step in rule.steps:
        values = _values(step, written) if isinstance(step, Match) else None
        if values is None or not isinstance(step, Match):
            whole = whole and not isinstance(step, Match)
            continue
        both = values if step.expr not in sides else sides[step.expr].and_also(values)
        if both is None:
            whole = False
        else:
            sides[step.expr] = both
    asked = sides.pop(DESTINATION, Values(Intervals(), negated=True))
    by = None if asked.by is None else (asked.by, asked.negated)
    destinations = asked.inside.complement(EVERYWHERE.ends[0]) if asked.negated else asked.inside
    return Box(frozenset(sides.items()), EVERYWHERE if by else destinations, by, whole)


def _values(step: Match, written: frozenset[Field]) -> Values | None:
    if not _is_steady(step.expr, written) or step.absent_is_outside:
        return None
    members = step.members
    if isinstance(members, Intervals):
        return Values(members, step.negated)
    if members.dynamic or members.timeout:
        return None
    if isinstance(members.elements, IntervalTable) and members.family is None:
        return Values(members.elements.keys, step.negated)
    return Values(Intervals(), step.negated, members)


def _is_steady(expr: Expr, written: frozenset[Field]) -> bool:
    """Whether an expression has one value for a packet, whichever rule asks."""
    match expr:
        case Read(field):
            return field not in written
        case Concat(parts):
            return all(_is_steady(part, written) for part in parts)
        case _:
            return False


class Earlier:
    """The rules before the one that is looked at, by what they ask besides the destination."""

    def __init__(self) -> None:
        self._groups: dict[Guard, _Group] = {}
        self._any = _Group()
        """All of them together: mostly none has to do with a rule's destinations."""
        self._within: dict[tuple[Guard, Guard], bool] = {}

    def add(self, rule: Rule, mine: Box) -> None:
        """Take note of a rule, if it decides about all that it matches."""
        if not (mine.whole and final(rule)):
            return
        group = self._groups.get(mine.guard)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                return
            group = self._groups[mine.guard] = _Group()
        group.add(rule, mine)
        self._any.add(rule, mine)

    def hiding(self, mine: Box) -> tuple[Rule, ...]:
        """The rules which together decide all that a rule could match; empty where they leave it something."""
        if not self._any.touches(mine):
            return ()
        left = mine.destinations
        found: dict[Rule, None] = {}
        for guard, group in self._groups.items():
            if not (group.touches(mine) and self._is_within(mine.guard, guard)):
                continue
            whole = group.whole or group.by.get(mine.by)
            if whole is not None:
                return (*found, whole)
            if mine.by is None:
                left = group.take(left, found)
                if not left:
                    return tuple(found)
        return ()

    def _is_within(self, mine: Guard, other: Guard) -> bool:
        known = self._within.get((mine, other))
        if known is None:
            sides = dict(mine)
            known = all(expr in sides and sides[expr].within(values) for expr, values in other)
            self._within[mine, other] = known
        return known


class _Group:
    """Rules that ask the same, but for the destination: the first to decide about each."""

    def __init__(self) -> None:
        self.whole: Rule | None = None
        """Decides about every destination."""
        self.by: dict[tuple[NamedSet, bool] | None, Rule] = {}
        """Decide about the members of a set, or all but those."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._rules: list[Rule] = []

    def add(self, rule: Rule, mine: Box) -> None:
        if mine.by is not None:
            self.by.setdefault(mine.by, rule)
            return
        if mine.destinations == EVERYWHERE:
            self.whole = self.whole or rule
            return
        for low, high in self.take(mine.destinations, {}):
            at = bisect_left(self._starts, low)
            self._starts.insert(at, low)
            self._ends.insert(at, high)
            self._rules.insert(at, rule)

    def touches(self, mine: Box) -> bool:
        """Whether they have to do with some of a rule's destinations; cheaper than to compare what else they ask."""
        if self.whole is not None or mine.by is not None:
            return True
        for low, high in mine.destinations:
            at = bisect_left(self._ends, low)
            if at < len(self._starts) and self._starts[at] <= high:
                return True
        return False

    def take(self, left: Intervals, found: dict[Rule, None]) -> Intervals:
        """What these rules leave of some destinations; ``found`` gets those that took something."""
        rest: list[Interval] = []
        for low, high in left:
            at = bisect_left(self._ends, low)
            start = low
            while at < len(self._starts) and self._starts[at] <= high:
                if start < self._starts[at]:
                    rest.append((start, self._starts[at] - 1))
                found[self._rules[at]] = None
                start = self._ends[at] + 1
                at += 1
            if start <= high:
                rest.append((start, high))
        return Intervals.of(rest)
