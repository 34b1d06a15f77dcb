"""Atoms: stretches of addresses that no rule of a plan tells apart, found by one walk over all their bounds.

Most are settled on the spot, by rules that surely match and do nothing but decide, call or return. The others
are grouped by their active rules, for the interpreter.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agent.judge.interpret import MAX_DEPTH, End
from agent.judge.plan import BASE, PLACE_BITS
from agent.model.firewall import Jump, Simple
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from agent.judge.entries import Action
    from agent.judge.plan import Active, Plan
    from agent.model.intervals import Interval

MAX_CALLS: Final = 1000
"""Calls followed in search of a certain end."""
POLICY: Final = -1
"""In the place of a rule: none decided."""
Settled = tuple[End, int]
"""How the base chain ends, and the place of the rule that decided, or POLICY."""


@dataclass(slots=True)
class Pieces:
    """Sorted pieces of the address space, and the place of the rule that decided each."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def add(self, low: int, high: int, place: int) -> None:
        """Append a piece, or lengthen the last one."""
        if self.places and self.places[-1] == place and self.ends[-1] == low - 1:
            self.ends[-1] = high
            return
        self.starts.append(low)
        self.ends.append(high)
        self.places.append(place)

    def addresses(self) -> Intervals:
        """All of them together."""
        return Intervals.of_sorted(self.starts, self.ends)


@dataclass(slots=True)
class Atoms:
    """What the walk found."""

    settled: dict[End, Pieces] = field(default_factory=lambda: defaultdict(Pieces))
    """By rules."""
    policy: Pieces = field(default_factory=Pieces)
    """By the policy of the base chain."""
    open: dict[tuple[Active, int], list[Interval]] = field(default_factory=lambda: defaultdict(list))
    """By active rules and place among the cuts: what the interpreter has to say."""


def cut(plan: Plan, addresses: Intervals, policy: End) -> Atoms:
    """Cut addresses into atoms."""
    found = Atoms()
    events = plan.events()
    cuts = sorted(plan.cuts)
    points = sorted({*(point for point, _ in events), *cuts})
    active: list[int] = []
    position = at = 0
    for low, high in addresses:
        start = low
        while True:
            # bring the active rules over all bounds up to here
            while position < len(points) and points[position] <= start:
                point = points[position]
                position += 1
                while at < len(events) and events[at][0] == point:
                    place = events[at][1]
                    at += 1
                    if place < 0:
                        del active[bisect_left(active, ~place)]
                    else:
                        insort(active, place)
            end = min(points[position] - 1, high) if position < len(points) else high
            settled = settle(plan, active, policy)
            if settled is None:
                found.open[tuple(active), bisect_right(cuts, start)].append((start, end))
            elif settled[1] == POLICY:
                found.policy.add(start, end, POLICY)
            else:
                found.settled[settled[0]].add(start, end, settled[1])
            if end >= high:
                break
            start = end + 1
    return found


def settle(plan: Plan, active: list[int], policy: End) -> Settled | None:
    """How a base chain ends where these rules are active, if only certain ones have a part in it; else None.

    The interpreter would say the same; this is its short form for rules that match without doubt and change
    nothing.
    """
    callers: list[tuple[int, int]] = []
    number, place = BASE, 0
    for _ in range(MAX_CALLS):
        first = _first(active, place, number)
        always = plan.always[number]
        if always:
            at = bisect_left(always, place)
            if at < len(always) and (first is None or always[at] < first):
                first = always[at]
        if first is None:
            action: Action | None = Simple.RETURN
        else:
            action = plan.certain(first)
            if action is None:
                return None
            if isinstance(action, End):
                return action, first
            place = first + 1
        if isinstance(action, Jump):
            target = plan.called.get(action.chain)
            if target is None or len(callers) > MAX_DEPTH:
                return None
            if not action.goto:
                callers.append((number, place))
            number, place = target, target << PLACE_BITS
        elif callers:  # the end of a chain, or a return
            number, place = callers.pop()
        else:
            return policy, POLICY
    return None


def _first(active: list[int], place: int, number: int) -> int | None:
    """The first active rule of a chain from a place on."""
    at = bisect_left(active, place)
    return active[at] if at < len(active) and active[at] >> PLACE_BITS == number else None
