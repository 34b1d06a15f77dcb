"""Tests joined, with what is certain left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import ALWAYS, NEVER, AllOf, AnyOf, Not

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.proxy import Test


def all_of(tests: Iterable[Test]) -> Test:
    """Every test holds."""
    kept = [test for test in tests if test != ALWAYS]
    if NEVER in kept:
        return NEVER
    return kept[0] if len(kept) == 1 else AllOf(tuple(kept))


def any_of(tests: Iterable[Test]) -> Test:
    """One test holds."""
    kept = [test for test in tests if test != NEVER]
    if ALWAYS in kept:
        return ALWAYS
    return kept[0] if len(kept) == 1 else AnyOf(tuple(kept))


def none_of(test: Test) -> Test:
    """The test does not hold."""
    if test == ALWAYS:
        return NEVER
    return ALWAYS if test == NEVER else Not(test)
