"""The road of one domain, hop by hop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.source import Source


@record
class Hop:
    """One stage: what was looked at, what it says, and the deciding rule."""

    stage: str
    verdict: str
    text: str
    sources: tuple[Source, ...] = ()


@record
class Explanation:
    """All hops of one domain from one zone."""

    domain: str
    zone: str
    hops: tuple[Hop, ...]
    verdict: str
