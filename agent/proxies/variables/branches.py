"""Courses that part: a stage whose rules lead to stages of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import Act, ProxyRule, ProxyStage, Ruling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.model.proxy import Test
    from agent.model.source import Source


def parted(
    title: str, choices: Sequence[tuple[Test, str, Source]], branches: Mapping[str, tuple[ProxyStage, ...]]
) -> Iterator[ProxyStage]:
    """A stage that chooses a branch, then the branches: one test must hold, and each of them ends the course."""
    starts: dict[str, int] = {}
    at = 0
    for name, stages in branches.items():
        starts[name] = at
        at += len(stages)
    rules = tuple(ProxyRule(test, Ruling(Act.NEXT, skips=starts[name]), source) for test, name, source in choices)
    yield ProxyStage(title, rules)
    for stages in branches.values():
        yield from stages
