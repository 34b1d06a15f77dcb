"""Rules of one base chain, as far as no packet is needed to tell what they ask of the swept address.

Each rule is looked through once. What is left for a packet are the few different *guards*: conditions that do
not look at the swept field.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, compress
from operator import or_
from typing import TYPE_CHECKING, Final

from agent.judge.blocks import End
from agent.judge.interpret import MATCHES
from agent.model.expression import BoxTable, Field, NamedSet, Read
from agent.model.firewall import AnyOf, Dnat, Jump, Match, NotUnderstood, Reject, Rule, Simple, Uncertain
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.judge.calls import Written
    from agent.judge.cuts import Axis
    from agent.judge.packet import Packet
    from agent.model.firewall import Step
    from agent.model.intervals import Interval

ADDRESSES: Final = frozenset({Field.SADDR, Field.DADDR})
MAPPED: Final = 1024
"""Addresses up to which the mapping of a whole network is followed for each of them."""
Condition = Match | AnyOf
Guard = tuple[Condition, ...]
Outline = tuple["Interval | None", "Interval | None", tuple[int, ...]]
"""The one stretch of the swept address that a rule asks for, that of the other address, and all its other steps by
their identities."""
VAGUE: Final[Outline] = None, None, ()
Action = End | Simple | Jump
"""What a rule does that only decides, calls or returns."""
ACTIONS: Final[dict[Simple, Action]] = {
    Simple.ACCEPT: End.ACCEPT,
    Simple.DROP: End.DROP,
    Simple.RETURN: Simple.RETURN,
}


@dataclass(slots=True)
class Entry:
    """What is known of one rule."""

    guard: int
    """Number of its conditions that a packet settles beforehand."""
    span: Intervals | None
    """The addresses for which the plain conditions on the swept field hold; None for all."""
    action: Action | None
    """What it does wherever guard, span and boxes hold; None where more than that has a say."""
    boxes: tuple[Match, ...] = ()
    """Conditions on the swept field and others at once."""
    cuts: frozenset[int] = frozenset()
    """Addresses at which the outcome of its other conditions and statements may change."""
    stand_in: Rule | None = None
    """What it is replaced by where it looks at the swept field in a way without finite bounds."""

    @property
    def plain(self) -> bool:
        """Whether it matters just where its span is."""
        return self.span is not None and not self.boxes and not self.cuts and self.stand_in is None


class Looker:
    """Looks through rules along one axis; numbers their guards."""

    def __init__(self, axis: Axis, written: Written) -> None:
        self.guards: list[Guard] = []
        """By number."""
        self._numbers: dict[Guard, int] = {}
        self._identities: dict[tuple[int, ...], int] = {}
        self._stretches: dict[Field, tuple[list[int], list[int], list[int]]] = {}
        """First and last value that a guard asks for in a field, and its number."""
        self.beside = Field.SADDR if axis.field is Field.DADDR else Field.DADDR
        """The other address."""
        self._axis = axis
        self.swept = axis.field
        self._highest = axis.highest
        self._written = written
        self._steady = not written.fields and not written.sets

    def entry(self, rule: Rule) -> Entry | None:  # noqa: PLR0912 - asked of each of a hundred thousand rules
        """Look through one rule; None where it never matches, or does nothing."""
        guard: list[Condition] = []
        boxes: list[Match] = []
        span: Intervals | None = None
        left_open: list[Step] = []
        action: Action | None = None
        axis = self._axis
        for at, step in enumerate(rule.steps):
            if type(step) is Match and type(step.expr) is Read and self._steady:  # by far the most
                if step.expr.field is not axis.field:
                    guard.append(step)
                    continue
                if span is None and type(step.members) is Intervals and not step.negated:
                    span = axis.inside(step.expr, step.members)
                    if not span:
                        return None
                    continue
            if not isinstance(step, MATCHES):
                action = _action(step)
                # from the first effect on, nothing can be left out: only the points of change count
                left_open += rule.steps[at:] if action is None else ()
                break
            if isinstance(step, Uncertain) or not self._settles(step):
                left_open.append(step)
            elif isinstance(step, AnyOf) or not axis.reads(step.expr):
                guard.append(step)
            elif isinstance(step.members, NamedSet) and isinstance(step.members.elements, BoxTable):
                (left_open if axis.step_cuts(step) is None else boxes).append(step)
            elif (inside := axis.inside(step.expr, step.members)) is None:
                left_open.append(step)
            else:
                inside = inside.complement(axis.highest) if step.negated else inside
                span = inside if span is None else span & inside
                if not span:
                    return None
        else:
            return None
        number = self._number(tuple(guard))
        if not left_open:
            return Entry(number, span, action, tuple(boxes))
        points = [axis.step_cuts(step) for step in left_open]
        cuts = frozenset().union(*(some for some in points if some), _each_address(left_open, span))
        stand_in = None
        if None in points:
            steps = tuple(self._blurred(step) for step in rule.steps)
            stand_in = Rule(steps, rule.wording, rule.handle, rule.line, rule.comment)
        return Entry(number, span, None, tuple(boxes), cuts, stand_in)

    def outline(self, rule: Rule) -> Outline:
        """See what a rule asks for plainly, and what it consists of besides.

        The rules of a long list share their other conditions, and differ in the address alone.
        """
        asked = beside = None
        others: list[int] = []
        only_conditions = True
        for step in rule.steps:
            if type(step) is Match and type(step.expr) is Read:  # by far the most
                field, members = step.expr.field, step.members
                if step.negated or type(members) is not Intervals or len(members.starts) != 1:
                    pass
                elif field is self.swept and asked is None and members.ends[0] <= self._highest:
                    asked = members.starts[0], members.ends[0]
                    others.append(0)
                    continue
                elif field is self.beside and beside is None and only_conditions:
                    beside = members.starts[0], members.ends[0]
            elif type(step) is not Match:
                only_conditions = False
            others.append(id(step))
        return (asked, beside, tuple(others)) if self._steady else VAGUE

    def open_to(self, packet: Packet, since: int) -> list[int]:
        """The guards from a number on that a packet may pass, as far as one value in one stretch tells.

        All of them at once: there may be one for each of a hundred thousand rules.
        """
        refused: set[int] = set()
        for one, (lows, highs, guards) in self._stretches.items():
            value = packet[one]
            if value >= 0:
                outside = map(or_, map(value.__lt__, lows), map(value.__gt__, highs))
                refused.update(compress(guards, outside))
        return [guard for guard in range(since, len(self.guards)) if guard not in refused]

    def _number(self, guard: Guard) -> int:
        same = tuple(map(id, guard))  # hashed faster, and rules share many of their conditions
        number = self._identities.get(same)
        if number is None:
            number = len(self.guards)
            if not any(type(one) is Match and type(one.expr) is Read and one.expr.field in ADDRESSES for one in guard):
                number = self._numbers.setdefault(guard, number)  # hardly two rules ask for the same address
            self._identities[same] = number
            if number == len(self.guards):
                self.guards.append(guard)
                for step in guard:
                    self._note_stretch(step, number)
        return number

    def _note_stretch(self, step: Condition, number: int) -> None:
        if not isinstance(step, Match) or not isinstance(step.expr, Read) or step.negated:
            return
        if isinstance(step.members, Intervals) and len(step.members.starts) == 1:
            lows, highs, guards = self._stretches.setdefault(step.expr.field, ([], [], []))
            lows += step.members.starts
            highs += step.members.ends
            guards.append(number)

    def _settles(self, step: Condition) -> bool:
        """Whether a condition gives the same answer wherever in these chains it is asked, if not at every address."""
        if isinstance(step, Match):
            return self._written.settles(step)
        return not any(self._axis.reads(one.expr) or not self._written.settles(one) for one in step.matches)

    def _blurred(self, step: Step) -> Step:
        if self._axis.step_cuts(step) is not None:
            return step
        what = "an address mask with holes"
        return Uncertain(what) if isinstance(step, MATCHES) else NotUnderstood(what)


def _each_address(steps: list[Step], span: Intervals | None) -> Iterable[int]:
    """Cuts around each of few addresses that are mapped each to another one."""
    if span is None or span.size() > MAPPED or not any(isinstance(step, Dnat) and step.netmap for step in steps):
        return ()
    return chain.from_iterable(range(low, high + 2) for low, high in span)


def _action(step: Step) -> Action | None:
    """What a statement does, if it only decides, calls or returns."""
    if isinstance(step, Simple):
        return ACTIONS.get(step)
    if isinstance(step, Reject):
        return End.REJECT
    return step if isinstance(step, Jump) else None
