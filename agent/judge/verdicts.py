"""From proofs and names to one verdict for each required domain, zone, road, port and family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.judge.opinion import Opinion, together
from agent.judge.passage import FILTER, Passage, passage
from agent.judge.proof import Proof, prove
from agent.judge.reach import Prover
from agent.judge.roads import Roads
from agent.judge.zones import uplinks
from agent.model.judgement import Judgement
from agent.model.record import record
from agent.model.vocabulary import Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.judge.relay import Passages
    from agent.judge.roads import Road
    from agent.model.gateway import Gateway, Zone
    from agent.model.requirement import PortNeed, Requirement


@record
class Judged:
    """All verdicts of one gateway, the proofs they rest on, and what has found these."""

    judgements: tuple[Judgement, ...]
    proofs: tuple[Proof, ...]
    prover: Prover


def judge(gateway: Gateway, requirements: Sequence[Requirement]) -> Judged:
    """Judge every requirement from every zone."""
    prover = Prover(gateway)
    passages, proofs = _passages(gateway, prover, requirements)
    roads = Roads(gateway, prover, passages)
    filled = None
    if gateway.filled_sets:
        from agent.judge.filled import Filled  # noqa: PLC0415 - few gateways have such sets

        filled = Filled(gateway, prover, passages, lambda one: _passages(one, Prover(one), requirements)[0])
    judgements = tuple(
        _judgement(requirement, zone, port, family, road)
        for requirement in requirements
        for zone in gateway.zones
        for port in requirement.ports
        for family in families(gateway)
        for road in (filled.roads(requirement) if filled else roads).of(requirement, zone, port, family)
    )
    return Judged(judgements, proofs, prover)


def _passages(
    gateway: Gateway, prover: Prover, requirements: Sequence[Requirement]
) -> tuple[Passages, tuple[Proof, ...]]:
    """What the packet filter says for every zone, port and family, and the proofs that this rests on."""
    passages: Passages = {}
    proofs: list[Proof] = []
    for zone in gateway.zones:
        for family in families(gateway):
            reason = not_routed(gateway, zone, family)
            for port in sorted({port for one in requirements for port in one.ports}, key=_port_order):
                if reason:
                    passages[zone.name, port, family] = Passage(Opinion(FILTER, Reach.NOT_ROUTED, reason))
                    continue
                proof = prove(prover, gateway, zone, port, family)
                proofs.append(proof)
                passages[zone.name, port, family] = passage(proof, gateway)
    return passages, tuple(proofs)


def _port_order(port: PortNeed) -> tuple[bool, str, int]:
    return (not port.required, port.proto, -port.port)


def families(gateway: Gateway) -> tuple[int, ...]:
    """The address families to judge: both, or with bare dumps those that a dump is about."""
    if gateway.network.known:
        return (4, 6)
    covered = tuple(f for f in (4, 6) if any(table.covers(f) for table in gateway.firewall.tables))
    return covered or (4, 6)


def not_routed(gateway: Gateway, zone: Zone, family: int) -> str:
    """Why a family is no road for a zone; empty where it is one."""
    if not gateway.network.known:
        return ""
    if not uplinks(gateway.network, family):
        return f"no IPv{family} route to the internet"
    if zone.interface is not None and zone.sources and zone.source_addresses(family) is None:
        return f"no IPv{family} clients in {zone.name}"
    return ""


def _judgement(requirement: Requirement, zone: Zone, port: PortNeed, family: int, road: Road) -> Judgement:
    found = together(road.stages)
    return Judgement(
        requirement,
        zone.name,
        road.label,
        port,
        family,
        found.verdict,
        found.because,
        found.blocked_at,
        found.coverage,
        found.sources,
        found.replies,
        found.by,
        found.hops,
        found.decrypted_by,
    )
