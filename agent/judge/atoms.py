"""Atoms: stretches of addresses that no rule of a plan tells apart, found by one walk over all their bounds.

Most are settled on the spot, by rules that surely match and do nothing but decide, call or return. The others
are grouped by their active rules, for the interpreter.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.judge.interpret import MAX_DEPTH, End
from agent.judge.plan import BASE, BEYOND, PLACE_BITS
from agent.model.firewall import Jump, Simple
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from agent.judge.entries import Action
    from agent.judge.plan import Active, Plan
MAX_CALLS: Final = 1000
"""Calls followed in search of a certain end."""
POLICY: Final = -1
"""In the place of a rule: none decided."""
Settled = tuple[End | None, int]
"""How the base chain ends, and by the rule at which place; None and POLICY where no rule decides."""


@dataclass(slots=True)
class Pieces:
    """Sorted pieces of the address space, and the place of the rule that decided each."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def addresses(self) -> Intervals:
        """All of them together."""
        return Intervals.of_sorted(self.starts, self.ends)


class Question(NamedTuple):
    """Atoms that differ at most in the rule of the base chain which ends all that has not ended before."""

    active: Active
    """The active rules before that one, and those of other chains."""
    passed: int
    """How many cuts lie before."""
    how: End | None
    """What that rule does; None where there is none."""


@dataclass(slots=True)
class Atoms:
    """What the walk found."""

    settled: dict[End | None, Pieces] = field(default_factory=lambda: defaultdict(Pieces))
    """By how the base chain ends; None is its policy."""
    open: dict[Question, Pieces] = field(default_factory=lambda: defaultdict(Pieces))
    """What the interpreter has to say; places are those of the rules that certainly end what gets so far."""


def cut(plan: Plan, addresses: Intervals) -> Atoms:
    """Cut addresses into atoms."""
    found = Atoms()
    events = plan.events()
    cuts = [*sorted(plan.cuts), BEYOND[0]]
    active: list[int] = []
    at = passed = 0
    finals = plan.finals()
    before_others = min(plan.always[BASE], default=1 << PLACE_BITS)
    with_none = settle(plan, [])
    if len(events) == len(cuts) == 1 and with_none is not None:
        found.settled[with_none[0]] = Pieces(
            list(addresses.starts), list(addresses.ends), [with_none[1]] * len(addresses.starts)
        )
        return found
    last = -2
    into = Pieces()
    for low, high in addresses:
        start = low
        while True:
            while events[at][0] <= start:  # bring the active rules over all bounds up to here
                place = events[at][1]
                at += 1
                if place < 0:
                    del active[bisect_left(active, ~place)]
                else:
                    insort(active, place)
            while cuts[passed] <= start:
                passed += 1
            end = min(events[at][0] - 1, cuts[passed] - 1, high)
            settled = with_none
            if active:  # mostly it is the first rule
                place = active[0]
                how = finals.get(place) if place < before_others else None
                settled = settle(plan, active) if how is None else (how, place)
            if settled is None:
                question, place = _question(active, finals, plan.last, passed)
                into = found.open[question]
                last = -2
            else:
                how, place = settled
            if place != last or into.ends[-1] != start - 1:
                if settled is not None:
                    last = place
                    into = found.settled[how]
                into.starts.append(start)
                into.ends.append(end)
                into.places.append(place)
            else:
                into.ends[-1] = end
            if end >= high:
                break
            start = end + 1
    return found


def _question(active: list[int], finals: dict[int, End], always: int | None, passed: int) -> tuple[Question, int]:
    """What to ask the interpreter, and the place of the rule that ends the rest; ``always`` ends it everywhere."""
    others = bisect_left(active, 1 << PLACE_BITS)
    at = next((at for at in range(others) if active[at] in finals), others)
    place = active[at] if at < others else always
    if always is not None and place is not None and always < place:
        place, at = always, bisect_left(active, always)
    how = None if place is None else finals.get(place)
    if how is None or place is None:
        return Question(tuple(active), passed, None), POLICY
    return Question((*active[:at], *active[others:]), passed, how), place


def settle(plan: Plan, active: list[int]) -> Settled | None:
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
            return None, POLICY
    return None


def _first(active: list[int], place: int, number: int) -> int | None:
    """The first active rule of a chain from a place on."""
    at = bisect_left(active, place)
    return active[at] if at < len(active) and active[at] >> PLACE_BITS == number else None
