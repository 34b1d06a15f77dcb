"""Which memberships in patterns the host names of a region have, each with a shortest name that has them."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.regular.automaton import DEAD, MATCHED
from agent.model.regular.hosts import MAX_LABEL, MAX_NAME
from agent.model.regular.search import MAX_KINDS, NAME_COSTS, Budget, pursue, search
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

    @property
    def most(self) -> int:
        """Give how many memberships there can be."""
        return 1 << len(self.groups)

    def of(self, name: str) -> Memberships:
        """Give the memberships of a name."""
        return self.known.get(name) or tuple(any(name in one for one in group) for group in self.groups)


def divide(region: Region, groups: Iterable[Group], known: str, budget: Budget) -> Division | None:
    """Split a region, of which one name is ``known``; None where no group tells its names apart."""
    groups = tuple(groups)
    found = _divide(region, groups, known, budget)
    if found and any(len(label) > MAX_LABEL for name in found.samples.values() for label in name.split(".")):
        return _divide(region.measured(), groups, known, budget)
    return found


def _divide(region: Region, groups: Iterable[Group], known: str, budget: Budget) -> Division | None:
    found = [members for group in groups if (members := _telling(region, group, known, budget))]
    if not found:
        return None
    alone = {one: names[True] for members in found for one, names in members.items() if True in names}
    division = Division(tuple(tuple(members) for members in found), {}, alone, {}, complete=False)
    firsts = [next((alone[one] for one in group if one in alone), known) for group in division.groups]
    others = [names[False] for members in found for names in members.values() if False in names]
    _look_at(division, (*firsts, known, *others, *alone.values()), budget)
    return replace(division, complete=_complete(region, division, budget))


def _telling(region: Region, group: Group, known: str, budget: Budget) -> dict[Pattern, dict[bool, str]]:
    """The patterns of a group that tell names apart, with a name for each side; none where one of them has all."""
    members = {}
    for one in group:
        found, complete = _alone(region, one, known, budget)
        if complete and False not in found:
            return {}
        if True in found or not complete:
            members[one] = found
    return members


def _look_at(division: Division, names: Iterable[str], budget: Budget) -> None:
    """Sort names by their memberships, the first ones become samples; takes half of the budget at most."""
    enough = budget.left // 2
    for name in dict.fromkeys(names):
        if budget.left <= enough or (len(division.groups) == 1 and len(division.samples) == division.most):
            return
        budget.left -= NAME_COSTS * sum(len(group) for group in division.groups)
        division.known[name] = division.of(name)
        division.samples.setdefault(division.known[name], name)


def _complete(region: Region, division: Division, budget: Budget) -> bool:
    """Look for the memberships that were not found yet; whether there are no others."""
    groups = division.groups
    complete = len(division.samples) == division.most
    together = MAX_SINGLE if len(groups) > MAX_GROUPS else MAX_TOGETHER
    if sum(len(group) for group in groups) <= together and not (complete and len(groups) == 1):
        some = Budget(budget.left if division.most > MAX_KINDS else budget.left // 2)
        budget.left -= some.left
        samples, found_all = search(region, groups, some)
        budget.left += some.left
        division.samples.update(samples)  # these are the shortest
        complete = complete or found_all
    if complete or division.most > MAX_KINDS:
        return complete
    settled = True
    for goal in product((False, True), repeat=len(groups)):
        if goal not in division.samples:
            name, certain = pursue(region, groups, goal, budget)
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
