"""Joining tests, without those that say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import ALWAYS, NEVER, AllOf, AnyOf, Not

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.proxy import Test


def every(tests: Iterable[Test]) -> Test:
    """All of them hold."""
    kept: dict[Test, None] = {}
    for one in tests:
        if one == NEVER:
            return NEVER
        kept |= dict.fromkeys(one.tests if isinstance(one, AllOf) else (one,))
    return next(iter(kept)) if len(kept) == 1 else AllOf(tuple(kept))


def some(tests: Iterable[Test]) -> Test:
    """One of them holds."""
    kept: dict[Test, None] = {}
    for one in tests:
        if one == ALWAYS:
            return ALWAYS
        kept |= dict.fromkeys(one.tests if isinstance(one, AnyOf) else (one,))
    return next(iter(kept)) if len(kept) == 1 else AnyOf(tuple(kept))


def opposite(test: Test) -> Test:
    """It does not hold."""
    if test in (ALWAYS, NEVER):
        return NEVER if test == ALWAYS else ALWAYS
    return test.test if isinstance(test, Not) else Not(test)
