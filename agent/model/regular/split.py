"""Which memberships in patterns the host names of a region have, each with a shortest name that has them."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.regular.automaton import DEAD, MATCHED, index_of
from agent.model.regular.hosts import ALPHABET
from agent.model.regular.syntax import shortest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.regular.automaton import State
    from agent.model.regular.hosts import Place, Region
    from agent.model.regular.pattern import Pattern

MAX_WORK: Final = 400_000
"""Steps of automata for the names of one required domain: about a tenth of a second."""
NAME_COSTS: Final = 10
"""Steps that it takes to look whether a pattern matches a name, about."""
MAX_KINDS: Final = 128
"""Memberships that are told apart in one region."""
MAX_NAME: Final = 253
"""Characters of a name: where the shortest one is longer, there is none."""

Memberships = tuple[bool, ...]
Group = tuple["Pattern", ...]
"""Patterns of which it matters whether any has a name, and not which."""


class Budget:
    """How much may still be looked at."""

    def __init__(self, steps: int = MAX_WORK) -> None:
        self.left = steps


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
    for name in dict.fromkeys((*others, *(alone[one] for group in telling for one in group if one in alone))):
        if (len(telling) == 1 and len(division.samples) == wanted) or budget.left <= enough:
            break
        budget.left -= NAME_COSTS * sum(len(group) for group in telling)
        division.known[name] = division.of(name)
        division.samples.setdefault(division.known[name], name)
    found_all = len(division.samples) == wanted
    if not found_all or len(telling) > 1:
        shortest, complete = search(region, telling, budget)
        division.samples.update(shortest)
        found_all = found_all or complete
    return replace(division, complete=found_all)


def _alone(region: Region, one: Pattern, known: str, budget: Budget) -> tuple[dict[bool, str], bool]:
    """The memberships in one pattern, and whether these are all."""
    state = one.automaton.run(one.start, region.ending)
    if state is MATCHED or state is DEAD:
        return {(state is MATCHED) is not one.inverted: known}, True
    if one.automaton.example is None:
        one.automaton.example = shortest(one.tree)[:MAX_NAME].strip(".")
    guesses: dict[bool, str] = {}
    for name in (known, one.automaton.example + region.ending):
        budget.left -= len(name)
        if name is known or region.holds(name):
            guesses.setdefault(name in one, name)
    if len(guesses) > 1:
        return guesses, True
    found, complete = search(region, [(one,)], budget)
    for (belongs,), name in found.items():
        if belongs is not one.inverted:
            one.automaton.example = name[: len(name) - len(region.ending)]
    return {memberships[0]: name for memberships, name in found.items()}, complete


def search(region: Region, groups: list[Group], budget: Budget) -> tuple[dict[Memberships, str], bool]:
    """Give all memberships that names of a region have, with the first of their shortest names; and whether all are."""
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
        decided = all(state is MATCHED or state is DEAD for state in states)
        if decided or region.ends(place):
            memberships = _memberships(groups, states)
            if memberships in found and decided:
                continue
            if region.ends(place) and memberships not in found:
                found[memberships] = text
                if len(found) == wanted:
                    return found, wanted == 1 << len(groups)
        if len(text) >= MAX_NAME:
            continue
        now = sum(one.work for one in automata)
        budget.left -= len(symbols) * len(patterns) + now - before
        before = now
        if budget.left <= 0:
            return found, False
        for char, index in symbols:
            there = region.step(place, char)
            if there is None:
                continue
            after = tuple(
                one.step(state, index) if (found_state := state.moves.get(index)) is None else found_state
                for one, state in zip(automata, states, strict=True)
            )
            if (there, after) not in seen:
                seen.add((there, after))
                waiting.append((there, after, char + text))
    return found, True


def _memberships(groups: list[Group], states: tuple[State, ...]) -> Memberships:
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
