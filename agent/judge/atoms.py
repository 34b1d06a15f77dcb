"""Atoms: stretches of addresses that no rule of a plan tells apart, found by one walk over all their bounds.

Most are settled on the spot, by rules that surely match and do nothing but decide, call or return. The others
are grouped by their active rules, for the interpreter.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field
from operator import and_, not_
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.judge.blocks import End
from agent.judge.interpret import MAX_DEPTH
from agent.judge.patchwork import PLACE_BITS, Pieces
from agent.judge.plan import BASE
from agent.judge.spans import BEYOND, Spans
from agent.model.firewall import Jump, Simple
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from agent.judge.entries import Action
    from agent.judge.plan import Active, Plan
    from agent.judge.spans import Event

FEW: Final = 8
"""Wide rules up to which each is taken as a whole."""
MAX_CALLS: Final = 1000
"""Calls followed in search of a certain end."""
MANY: Final = 64
"""Pieces of addresses that are walked over one by one."""
POLICY: Final = -1
"""In the place of a rule: none decided."""
Settled = tuple[End | None, int]
"""How the base chain ends, and by the rule at which place; None and POLICY where no rule decides."""


class Unsettled(NamedTuple):
    """Atoms that differ at most in the rule of the base chain which ends all that has not ended before."""

    active: Active
    """The active rules before that one, and those of other chains."""
    before: int
    """How many rules of the base chain that are active everywhere stand before it."""
    passed: int
    """How many cuts lie before."""
    how: End | None
    """What that rule does; None where there is none."""


@dataclass(slots=True)
class Atoms:
    """What the walk found."""

    settled: dict[End | None, Pieces] = field(default_factory=lambda: defaultdict(Pieces))
    """By how the base chain ends; None is its policy."""
    open: dict[Unsettled, Pieces] = field(default_factory=lambda: defaultdict(Pieces))
    """What the interpreter has to say; places are those of the rules that certainly end what gets so far."""


def cut(plan: Plan, addresses: Intervals) -> Atoms:
    """Cut addresses into atoms."""
    found = Atoms()
    spans = plan.spans()
    wide, narrow = _parted(spans, spans.wide())
    alone, crowd = _parted(narrow, _settling_alone(plan, narrow))
    if len(wide.lows) > FEW or len(alone.lows) <= len(crowd.lows):  # too few to be worth walks through many regions
        wide, alone, crowd = Spans(), Spans(), spans
    # a list of a million addresses is two regions, inside and outside, instead of two million bounds; and what
    # lies alone but for a wide rule, lies alone in its region
    broad = [*plan.broad(), *((place, Intervals.span(low, high)) for low, high, place, _ in wide.rows())]
    regions: list[tuple[Intervals, list[int]]] = [(addresses, [])]
    for place, span in broad:
        regions = [
            (part, active)
            for some, active_there in regions
            for part, active in ((some & span, [*active_there, place]), (some - span, active_there))
            if part
        ]
    walk = _Walk(plan, wide, alone, crowd, found)
    for some, active in regions:
        walk.over(some, sorted(active))
    for pieces in (*found.settled.values(), *found.open.values()):
        pieces.sort()
    return found


def _settling_alone(plan: Plan, spans: Spans) -> list[bool]:
    """Which stretches lie alone, and have a rule that surely ends the walk."""
    sure = [end is not None for end in plan.ends()]
    return list(map(and_, spans.alone(), map(sure.__getitem__, spans.kinds)))


def _parted(spans: Spans, chosen: list[bool]) -> tuple[Spans, Spans]:
    """Those that are chosen, and the others."""
    if True not in chosen:
        return Spans(), spans
    return spans.where(chosen), spans.where(map(not_, chosen))


class _Walk:
    """Goes over the bounds of a plan's rules."""

    def __init__(self, plan: Plan, wide: Spans, alone: Spans, crowd: Spans, found: Atoms) -> None:
        self._plan = plan
        self._found = found
        self._cuts = [*sorted(plan.cuts), BEYOND[0]]
        self._before_others = min(plan.always[BASE], default=1 << PLACE_BITS)
        self._ends = plan.ends()
        self._wide, self._alone, self._crowd = wide, alone, crowd
        self._all_events: list[Event] = []
        self._crowd_events = crowd.events()
        self._finals = plan.finals(wide + crowd)

    def over(self, addresses: Intervals, active: list[int]) -> None:
        """Note the atoms of some addresses; ``active`` are rules that hold for all of them."""
        rest, events = addresses, self._crowd_events
        if self._alone.lows:
            first = min(self._before_others, active[0]) if active else self._before_others
            here = self._alone.within(addresses) if len(addresses.starts) <= MANY else Spans()
            sooner, later = _parted(here, list(map(first.__gt__, here.places)))
            if len(sooner.lows) > len(later.lows):
                self._settle_alone(sooner)
                rest = addresses - Intervals.of_bounds(sooner.lows, sooner.highs)
            if later.lows or rest is addresses:
                events = self._all_events = self._all_events or self._count_alone_in()
        if len(rest.starts) > MANY:
            self._over_many(rest, active, events)
        else:
            self._over_few(rest, active, events)

    def _count_alone_in(self) -> list[Event]:
        """The events of all stretches, for regions where those that lie alone are not settled at once."""
        spans = self._alone + self._crowd
        self._finals = self._plan.finals(self._wide + spans)
        return spans.events()

    def _settle_alone(self, spans: Spans) -> None:
        """Note stretches where one rule ends the walk before any other has a say."""
        for end in dict.fromkeys(self._ends):
            if end is not None:
                mine = [one is end for one in self._ends]
                some, pieces = spans.where(map(mine.__getitem__, spans.kinds)), self._found.settled[end]
                pieces.starts += some.lows
                pieces.ends += some.highs
                pieces.places += some.places

    def _over_few(self, addresses: Intervals, active: list[int], events: list[Event]) -> None:
        """Piece by piece of the addresses: they are fewer than the bounds, as a rule."""
        cuts = self._cuts
        finals, before_others, settled = self._finals, self._before_others, self._found.settled
        at = passed = 0
        last, into = -2, Pieces()
        for low, high in addresses:
            start = low
            while True:
                point = events[at][0]
                while point <= start:  # bring the active rules over all bounds up to here
                    _turn(active, events[at][1])
                    at += 1
                    point = events[at][0]
                while cuts[passed] <= start:
                    passed += 1
                end = point - 1
                if cuts[passed] <= end:
                    end = cuts[passed] - 1
                end = min(end, high)
                # mostly it is the first active rule that decides
                if active and (place := active[0]) in finals and place < before_others:
                    pieces = settled[finals[place]]
                else:
                    pieces, place = self._place(active, passed)
                if place == last and pieces is into and into.ends[-1] == start - 1:
                    into.ends[-1] = end
                else:
                    into, last = pieces, place
                    into.starts.append(start)
                    into.ends.append(end)
                    into.places.append(place)
                if end >= high:
                    break
                start = end + 1

    def _over_many(self, addresses: Intervals, active: list[int], events: list[Event]) -> None:
        """Bound by bound: all addresses between two of them at once."""
        cuts = self._cuts
        at = passed = start = 0
        last = addresses.ends[-1]
        while start <= last:
            while events[at][0] <= start:
                _turn(active, events[at][1])
                at += 1
            while cuts[passed] <= start:
                passed += 1
            end = min(events[at][0], cuts[passed]) - 1
            some = addresses & Intervals.span(start, end)
            if some:
                pieces, place = self._place(active, passed)
                pieces.starts += some.starts
                pieces.ends += some.ends
                pieces.places += [place] * len(some.starts)
            start = end + 1

    def _place(self, active: list[int], passed: int) -> tuple[Pieces, int]:
        """Where an atom with these active rules belongs, and the place of the rule that decides."""
        settled = settle(self._plan, active)
        if settled is not None:
            return self._found.settled[settled[0]], settled[1]
        unsettled, place = _unsettled(self._plan, active, self._finals, passed)
        return self._found.open[unsettled], place


def _turn(active: list[int], place: int) -> None:
    """A rule begins to be active, or with its place inverted, ceases to be."""
    if place >= 0:
        insort(active, place)
    elif active[0] == ~place:
        del active[0]
    else:
        del active[bisect_left(active, ~place)]


def _unsettled(plan: Plan, active: list[int], finals: dict[int, End], passed: int) -> tuple[Unsettled, int]:
    """What to ask the interpreter, and the place of the rule that ends the rest."""
    always, last = plan.always[BASE], plan.last
    others = bisect_left(active, 1 << PLACE_BITS)
    at = next((at for at in range(others) if active[at] in finals), others)
    place = active[at] if at < others else last
    if last is not None and place is not None and last < place:
        place, at = last, bisect_left(active, last)
    how = None if place is None else finals.get(place)
    if how is None or place is None:
        return Unsettled(tuple(active), len(always), passed, None), POLICY
    return Unsettled((*active[:at], *active[others:]), bisect_left(always, place), passed, how), place


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
