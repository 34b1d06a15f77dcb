"""What the judge found out, before it becomes a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.explanation import Hop
    from agent.model.requirement import PortNeed, Requirement
    from agent.model.source import Source
    from agent.model.vocabulary import Reach, Stage


@record
class Judgement:
    """The verdict for one required domain from one zone by one road, port and address family."""

    requirement: Requirement
    zone: str
    road: str
    """``direct``, ``transparent-proxy`` or ``proxy:<address:port>``."""
    port: PortNeed
    family: int
    verdict: Reach
    because: str
    """One sentence."""
    blocked_at: tuple[Stage, ...] = ()
    coverage: float | None = None
    """Share of public addresses that pass the firewall, 0..1."""
    decided_by: tuple[Source, ...] = ()
    replies: bool = False
    """It is replies that are stopped, of connections that may begin."""
    by: str = ""
    """The kind of program that decides, where it is not the packet filter: ``hosts``, ``dnsmasq``..."""
    hops: tuple[Hop, ...] = ()
    """Every stage of the road, also those behind the one that stops it."""
    decrypted_by: tuple[Source, ...] = ()
    """What has TLS end on the road for names of the requirement."""
