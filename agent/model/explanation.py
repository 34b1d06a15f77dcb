"""The roads of one domain, hop by hop."""

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
class RoadTold:
    """One road for one port and family: all its stages, also those behind the one that stops it."""

    name: str
    """``tcp/443 IPv4 direct``."""
    verdict: str
    because: str
    hops: tuple[Hop, ...]


@record
class Explanation:
    """All roads of one domain from one zone."""

    domain: str
    zone: str
    roads: tuple[RoadTold, ...]
    verdict: str
