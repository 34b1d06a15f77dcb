"""Stages that lead to each other by name, made into the one line that the model has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.model.proxy import PASS, Act, ProxyRule, ProxyStage, Ruling
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.proxy import Test
    from agent.model.source import Source


@record
class Go:
    """Go on at the stage of a name."""

    to: str
    decrypts: bool = False
    upstream: str = ""


@record
class Draft:
    """A stage: of its rules the first that fits decides; ``PASS`` leads to the next one."""

    name: str
    title: str
    rules: tuple[tuple[Test, Ruling | Go, Source], ...] = ()
    otherwise: Ruling | Go = PASS
    source: Source | None = None

    @property
    def targets(self) -> Iterator[str]:
        """The stages that it leads to by name."""
        found = [what for _, what, _ in self.rules] + [self.otherwise]
        return (what.to for what in found if isinstance(what, Go))

    @property
    def falls_through(self) -> bool:
        """Whether it may lead to the next."""
        return any(what == PASS for what in (*(what for _, what, _ in self.rules), self.otherwise))


def named(name: str, drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """The same stages, the first by another name."""
    first, *rest = drafts
    return (replace(first, name=name), *rest)


def linked(drafts: Sequence[Draft]) -> tuple[ProxyStage, ...]:
    """The stages that can be reached, each leading onwards only."""
    reached = {drafts[0].name}
    for draft, after in zip(drafts, (*drafts[1:], None), strict=True):
        if draft.name in reached:
            reached.update(draft.targets)
            if draft.falls_through and after is not None:
                reached.add(after.name)
    kept = [draft for draft in drafts if draft.name in reached]
    places = {draft.name: at for at, draft in enumerate(kept)}

    def ruling(what: Ruling | Go, at: int) -> Ruling:
        if isinstance(what, Ruling):
            return what
        return Ruling(Act.NEXT, skips=places[what.to] - at - 1, decrypts=what.decrypts, upstream=what.upstream)

    return tuple(
        ProxyStage(
            draft.title,
            tuple(ProxyRule(test, ruling(what, at), source) for test, what, source in draft.rules),
            ruling(draft.otherwise, at),
            draft.source,
        )
        for at, draft in enumerate(kept)
    )
