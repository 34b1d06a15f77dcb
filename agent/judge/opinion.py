"""What one stage of a road says, and what all of them together do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.explanation import Hop
from agent.model.record import record
from agent.model.vocabulary import Reach, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.model.source import Source

MAX_SOURCES: Final = 20
"""Rules listed with one verdict, widest first."""
_STOPPING: Final = (Reach.BLOCKED, Reach.PARTIAL)


@record
class Opinion:
    """What one stage says about a requirement, for one zone, port and family."""

    title: str
    """What was asked: ``names``, ``packet filter``, ``squid``..."""
    verdict: Reach
    because: str = ""
    sources: tuple[Source, ...] = ()
    blocked_at: tuple[Stage, ...] = ()
    coverage: float | None = None
    replies: bool = False
    """It is replies that are stopped, of connections that may begin."""
    by: str = ""
    """The kind of program that decides, where it is not the packet filter."""
    hops: tuple[Hop, ...] = ()
    """Its own stages, where it has some."""
    decrypted_by: tuple[Source, ...] = ()
    """What has TLS end here for names of the requirement."""

    @property
    def stops(self) -> bool:
        """Whether something does not pass."""
        return self.verdict in _STOPPING

    def steps(self) -> tuple[Hop, ...]:
        """The hops of an explanation."""
        return self.hops or (Hop(self.title, self.verdict.value, self.because, self.sources),)


def together(opinions: Sequence[Opinion]) -> Opinion:
    """Sum up the stages of one road, in their order: the first that stops it is the cause."""
    stopping = [one for one in opinions if one.stops]
    unknown = [one for one in opinions if one.verdict is Reach.UNKNOWN]
    away = next((one for one in opinions if one.verdict is Reach.NOT_ROUTED), None)
    hops = tuple(hop for one in opinions for hop in one.steps())
    decrypted_by = tuple(dict.fromkeys(source for one in opinions for source in one.decrypted_by))
    if away is not None:
        return replace(away, hops=hops)
    if not stopping:
        found = unknown[0] if unknown else opinions[-1]
        coverage = next((one.coverage for one in opinions if one.coverage is not None), None)
        return replace(found, coverage=coverage, hops=hops, decrypted_by=decrypted_by)
    return Opinion(
        stopping[0].title,
        Reach.BLOCKED if any(one.verdict is Reach.BLOCKED for one in stopping) else Reach.PARTIAL,
        "; ".join(one.because for one in stopping),
        tuple(dict.fromkeys(source for one in stopping for source in one.sources[:MAX_SOURCES])),
        tuple(sorted({stage for one in stopping for stage in one.blocked_at})),
        next((one.coverage for one in opinions if one.coverage is not None), None),
        stopping[0].replies,
        stopping[0].by,
        hops,
        decrypted_by,
    )
