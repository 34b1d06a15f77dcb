"""Searches for host names with some memberships in patterns, shortest names first."""

from __future__ import annotations

from collections import deque
from itertools import product
from typing import TYPE_CHECKING, Final

from agent.model.regular.automaton import DEAD, MATCHED, index_of
from agent.model.regular.hosts import ALPHABET, MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.model.regular.automaton import State
    from agent.model.regular.hosts import Place, Region
    from agent.model.regular.pattern import Pattern

MAX_WORK: Final = 800_000
"""Steps of automata for the names of one required domain: about a quarter of a second."""
MAX_KINDS: Final = 128
"""Memberships that are told apart in one region."""
NAME_COSTS: Final = 10
"""Steps that it takes to look whether a pattern matches a name, about."""

Memberships = tuple[bool, ...]
Group = tuple["Pattern", ...]
"""Patterns of which it matters whether any has a name, and not which."""


class Budget:
    """How much may still be looked at."""

    def __init__(self, steps: int = MAX_WORK) -> None:
        self.left = steps


def search(
    region: Region, groups: Sequence[Group], budget: Budget, goal: Memberships | None = None
) -> tuple[dict[Memberships, str], bool]:
    """Give all memberships that names of a region have, each with a shortest name; and whether these are all.

    With a ``goal``, for groups of one pattern each, nothing else is looked for.
    """
    patterns = [one for group in groups for one in group]
    automata = [one.automaton for one in patterns]
    symbols = _symbols(region, patterns)
    found: dict[Memberships, str] = {}
    start = region.start, tuple(one.automaton.run(one.start, region.ending) for one in patterns)
    seen: set[tuple[Place, tuple[State, ...]]] = {start}
    waiting = deque([(*start, region.ending)])
    wanted = min(1 << len(groups), MAX_KINDS)
    before = sum(one.work for one in automata)
    while waiting:
        place, states, text = waiting.popleft()
        if goal is not None and _is_missed(patterns, states, goal):
            continue
        decided = all(state is MATCHED or state is DEAD for state in states)
        if decided or region.ends(place):
            memberships = _memberships(groups, states)
            if memberships in found and decided:
                continue
            if region.ends(place) and memberships not in found:
                found[memberships] = text
                if memberships == goal or (goal is None and len(found) == wanted):
                    return found, len(found) == 1 << len(groups)
        if len(text) >= MAX_NAME:
            continue  # where the shortest name is too long, there is none
        now = sum(one.work for one in automata)
        budget.left -= len(symbols) * (len(patterns) + 1) + now - before
        before = now
        if budget.left <= 0:
            return found, False
        for char, index in symbols:
            there = region.step(place, char)
            if there is None:
                continue
            after = tuple(
                state.moves.get(index) or one.step(state, index) for one, state in zip(automata, states, strict=True)
            )
            if (there, after) not in seen:
                seen.add((there, after))
                waiting.append((there, after, char + text))
    return found, True


def pursue(region: Region, groups: Sequence[Group], goal: Memberships, budget: Budget) -> tuple[str | None, bool]:
    """Give a name with these memberships, if any; and whether that is certain.

    Of groups that it shall belong to, one pattern is enough; of all others only those are looked at together that
    had one of the names found without them.
    """
    wanted = [group for group, belongs in zip(groups, goal, strict=True) if belongs]
    unwanted = [one for group, belongs in zip(groups, goal, strict=True) if not belongs for one in group]
    for chosen in product(*wanted):
        name, certain = _pursue(region, chosen, unwanted, budget)
        if name is not None or not certain:
            return name, certain
    return None, True


def _pursue(
    region: Region, chosen: tuple[Pattern, ...], unwanted: list[Pattern], budget: Budget
) -> tuple[str | None, bool]:
    against: list[Pattern] = []
    while budget.left > 0:
        goal = (True,) * len(chosen) + (False,) * len(against)
        found, certain = search(region, [(one,) for one in (*chosen, *against)], budget, goal)
        name = found.get(goal)
        if name is None:
            return None, certain
        budget.left -= NAME_COSTS * len(unwanted)
        met = next((one for one in unwanted if name in one), None)
        if met is None:
            return name, True
        against.append(met)
    return None, False


def _is_missed(patterns: list[Pattern], states: tuple[State, ...], goal: Memberships) -> bool:
    """Whether no name that goes on from here has the memberships that are looked for."""
    return any(
        (state is MATCHED and one.inverted is belongs) or (state is DEAD and one.inverted is not belongs)
        for one, state, belongs in zip(patterns, states, goal, strict=True)
    )


def _memberships(groups: Sequence[Group], states: tuple[State, ...]) -> Memberships:
    at = 0
    found = []
    for group in groups:
        found.append(any(one.ends(states[at + i]) is not one.inverted for i, one in enumerate(group)))
        at += len(group)
    return tuple(found)


def _symbols(region: Region, patterns: list[Pattern]) -> list[tuple[str, int]]:
    """One character for all that neither the patterns nor the region tell apart."""
    masks = frozenset[int]().union(*(one.automaton.masks for one in patterns))
    kinds: dict[tuple[object, ...], str] = {}
    for char in ALPHABET:
        index = index_of(char)
        alike = tuple(mask >> index & 1 for mask in masks)
        kinds.setdefault((char if char in region.letters or char in "-." else "", alike), char)
    return [(char, index_of(char)) for char in kinds.values()]
