"""Which memberships in patterns the host names of a region have, each with a shortest name that has them."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.regular.automaton import DEAD, MATCHED
from agent.model.regular.search import MAX_KINDS, MAX_NAME, NAME_COSTS, Budget, pursue, search
from agent.model.regular.syntax import shortest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.regular.hosts import Region
    from agent.model.regular.pattern import Pattern
    from agent.model.regular.search import Group, Memberships

MAX_TOGETHER: Final = 6
"""Patterns of which all automata run side by side; of more, only those that have to."""
MAX_SINGLE: Final = 24
"""The same where they form so many groups that memberships cannot be gone through."""
MAX_GROUPS: Final = 4
"""Groups of which all memberships are gone through before anything else is tried."""


@record
class Division:
    """The names of a region as far as groups of patterns tell them apart."""

    groups: tuple[Group, ...]
    """Those that do."""
    samples: dict[Memberships, str]
    alone: dict[Pattern, str]
    """A shortest name of each pattern."""
    known: dict[str, Memberships]
    """Of these names, as far as they were looked at."""
    complete: bool
    """Whether there are no other memberships; else the search was given up."""

    def of(self, name: str) -> Memberships:
        """Give the memberships of a name."""
        return self.known.get(name) or tuple(any(name in one for one in group) for group in self.groups)


def divide(region: Region, groups: Iterable[Group], known: str, budget: Budget) -> Division | None:
    """Split a region, of which one name is ``known``; None where no group tells its names apart."""
    telling: list[Group] = []
    alone: dict[Pattern, str] = {}
    others = [known]
    for group in groups:
        members = []
        for one in group:
            found, complete = _alone(region, one, known, budget)
            if complete and True not in found:
                continue
            members.append(one)
            if complete and False not in found:
                members = []
                break
            if True in found:
                alone[one] = found[True]
            if False in found:
                others.append(found[False])
        if members:
            telling.append(tuple(members))
    if not telling:
        return None
    division = Division(tuple(telling), {}, alone, {}, complete=False)
    wanted = 1 << len(telling)
    enough = budget.left // 2
    matching = [[alone[one] for one in group if one in alone] for group in telling]
    firsts = [names[0] for names in matching if names]
    for name in dict.fromkeys((*firsts, *others, *(name for names in matching for name in names))):
        if (len(telling) == 1 and len(division.samples) == wanted) or budget.left <= enough:
            break
        budget.left -= NAME_COSTS * sum(len(group) for group in telling)
        division.known[name] = division.of(name)
        division.samples.setdefault(division.known[name], name)
    complete = len(division.samples) == wanted
    most = MAX_SINGLE if len(telling) > MAX_GROUPS else MAX_TOGETHER
    if sum(len(group) for group in telling) <= most and (not complete or len(telling) > 1):
        half = Budget(budget.left // 2)
        budget.left -= half.left
        samples, found_all = search(region, telling, half)
        budget.left += half.left
        division.samples.update(samples)
        complete = complete or found_all
    return replace(division, complete=complete or _complete(region, division, budget))


def _complete(region: Region, division: Division, budget: Budget) -> bool:
    """Look for each of the memberships that were not found yet; whether that settled all."""
    if 1 << len(division.groups) > MAX_KINDS:
        return False
    settled = True
    for goal in product((False, True), repeat=len(division.groups)):
        if goal not in division.samples:
            name, certain = pursue(region, division.groups, goal, budget)
            settled = settled and certain
            if name is not None:
                division.samples[goal] = name
    return settled


def _alone(region: Region, one: Pattern, known: str, budget: Budget) -> tuple[dict[bool, str], bool]:
    """The memberships in one pattern, and whether these are all."""
    if budget.left <= 0:
        return {}, False
    before = one.automaton.work
    state = one.automaton.run(one.start, region.ending)
    if state is MATCHED or state is DEAD:
        budget.left -= NAME_COSTS + one.automaton.work - before
        return {(state is MATCHED) is not one.inverted: known}, True
    if one.automaton.example is None:
        one.automaton.example = shortest(one.tree)[:MAX_NAME].strip(".")
    guesses: dict[bool, str] = {}
    for name in (one.automaton.example + region.ending, known):
        if name is known or region.holds(name):
            guesses.setdefault(name in one, name)
    budget.left -= 2 * NAME_COSTS + one.automaton.work - before
    if len(guesses) > 1:
        return guesses, True
    found, complete = search(region, [(one,)], budget)
    for (belongs,), name in found.items():
        if belongs is not one.inverted:
            one.automaton.example = name[: len(name) - len(region.ending)]
    return {memberships[0]: name for memberships, name in found.items()}, complete
