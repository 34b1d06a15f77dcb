"""The firewall's answer for one zone, port and family: over all public addresses and all clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.judge.decided import rank
from agent.judge.packet import PROTOCOLS
from agent.judge.reach import Prover, Question, Reach
from agent.judge.zones import own_addresses, uplinks
from agent.model.intervals import Intervals
from agent.model.public import PUBLIC
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.judge.decided import Decided, Ranking
    from agent.judge.sources import SourceClass
    from agent.model.firewall import Decider
    from agent.model.gateway import Gateway, Zone
    from agent.model.requirement import PortNeed


@record
class ClassProof:
    """The partition of the public space for clients that no rule tells apart (None: the host, or unknown)."""

    clients: SourceClass | None
    reach: Reach


@record
class Proof:
    """All classes of one zone for one port and family; ``space`` is what was asked about."""

    zone: Zone
    port: PortNeed
    family: int
    space: Intervals
    classes: tuple[ClassProof, ...]
    told_apart_by: tuple[Decider, ...] = ()
    """Empty where every client was asked for; else the rules that make more classes of them than can be tried."""

    @property
    def complete(self) -> bool:
        """Whether every client was asked for; else the largest classes only."""
        return not self.told_apart_by

    def sets(self) -> tuple[Intervals, Intervals, Intervals]:
        """Addresses that pass for every client; that are stopped for some; that are open for some."""
        passed = self.space
        stopped = unknown = Intervals()
        for one in self.classes:
            passed &= one.reach.accept
            stopped |= one.reach.drop | one.reach.reject
            unknown |= one.reach.unknown
        return passed, stopped, unknown

    def parts(self, *verdicts: str) -> Iterator[Decided]:
        """The parts with these verdicts, over all classes."""
        return (part for one in self.classes for part in one.reach.parts if part.verdict in verdicts)

    def ranked(self, *verdicts: str) -> Ranking:
        """Who decided so, over all classes, the widest parts first."""
        if len(self.classes) == 1:
            return self.classes[0].reach.ranked(*verdicts)
        return rank(self.parts(*verdicts))

    @property
    def coverage(self) -> float:
        """Share of the public addresses that pass, for the clients that fare worst."""
        total = self.space.size()
        return min(one.reach.passing for one in self.classes) / total if total else 0.0


def prove(prover: Prover, gateway: Gateway, zone: Zone, port: PortNeed, family: int) -> Proof:
    """Ask for every class of a zone's clients."""
    space = PUBLIC[family] - own_addresses(gateway.network, family)
    clients = zone.source_addresses(family)
    classes: tuple[SourceClass | None, ...] = (None,)
    told_apart_by: tuple[Decider, ...] = ()
    if zone.interface is not None and clients is not None:
        found = prover.sources(family).classes(clients)
        classes, told_apart_by = found.classes, found.told_apart_by
    proofs = []
    for one in classes:
        src = one.sample if one else (own_source(gateway, family) if zone.interface is None else None)
        question = Question(family, PROTOCOLS[port.proto], port.port, zone.interface, src)
        proofs.append(ClassProof(one, prover.connect(question, space)))
    return Proof(zone, port, family, space, tuple(proofs), told_apart_by)


def own_source(gateway: Gateway, family: int) -> int | None:
    """The address that this host's own packets to the internet carry; None where it is not known."""
    ups = uplinks(gateway.network, family)
    return next(
        (
            address.value
            for interface in gateway.network.interfaces
            if interface.name in ups
            for address in interface.addresses
            if address.family == family and address.scope == "global"
        ),
        None,
    )
