"""From proofs and names to one verdict for each required domain, zone, road, port and family."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from agent.judge.names import FINE, NameOpinion, NameStage
from agent.judge.own_proxy import proxy_road
from agent.judge.proof import Proof, prove
from agent.judge.reach import Prover
from agent.judge.wording import share, some_prefixes, stopped_by
from agent.judge.zones import uplinks
from agent.model.firewall import source_of
from agent.model.intervals import Intervals
from agent.model.judgement import Judgement
from agent.model.record import record
from agent.model.vocabulary import HOST, Reach, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.judge.decided import Decided, Ranking
    from agent.model.gateway import Gateway, Zone
    from agent.model.requirement import PortNeed, Requirement
    from agent.model.source import Source

MAX_SOURCES: Final = 20
"""Rules listed with one verdict, widest first."""
DIRECT, TRANSPARENT, PROXY = "direct", "transparent-proxy", "proxy:"


@record
class Judged:
    """All verdicts of one gateway, the proofs they rest on, and what has found these."""

    judgements: tuple[Judgement, ...]
    proofs: tuple[Proof, ...]
    prover: Prover


@record
class _Opinion:
    """What one stage says, before the name and the road are known."""

    verdict: Reach
    because: str
    blocked_at: tuple[Stage, ...] = ()
    coverage: float | None = None
    sources: tuple[Source, ...] = ()
    road: str = DIRECT
    replies: bool = False
    """It is replies that are stopped, of connections that may begin."""
    by: str = ""
    """The kind of program that decides, where it is not the packet filter."""


def judge(gateway: Gateway, requirements: Sequence[Requirement]) -> Judged:
    """Judge every requirement from every zone."""
    prover = Prover(gateway)
    opinions: dict[tuple[str, PortNeed, int], _Opinion] = {}
    proofs: list[Proof] = []
    judgements: list[Judgement] = []
    for zone in gateway.zones:
        for family in families(gateway):
            reason = not_routed(gateway, zone, family)
            for port in sorted({port for one in requirements for port in one.ports}, key=_port_order):
                if reason:
                    opinions[zone.name, port, family] = _Opinion(Reach.NOT_ROUTED, reason)
                    continue
                proof = prove(prover, gateway, zone, port, family)
                proofs.append(proof)
                opinions[zone.name, port, family] = _firewall(proof, gateway)
    stage = NameStage(gateway, prover)
    for requirement in requirements:
        for zone in gateway.zones:
            names = stage.opinions(requirement, zone)
            for port in requirement.ports:
                for family in families(gateway):
                    opinion = opinions[zone.name, port, family]
                    if zone.name == HOST and opinion.verdict is not Reach.NOT_ROUTED:
                        opinion = _by_proxy(gateway, prover, requirement, port, opinion)
                    other = opinions.get((zone.name, port, 10 - family))
                    alone = other is None or other.verdict is Reach.NOT_ROUTED
                    opinion = _with_names(opinion, names.get(family, FINE), alone=alone)
                    judgements.append(_judgement(requirement, zone, port, family, opinion))
    return Judged(tuple(judgements), tuple(proofs), prover)


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


def _judgement(requirement: Requirement, zone: Zone, port: PortNeed, family: int, opinion: _Opinion) -> Judgement:
    return Judgement(
        requirement,
        zone.name,
        opinion.road,
        port,
        family,
        opinion.verdict,
        opinion.because,
        opinion.blocked_at,
        opinion.coverage,
        opinion.sources,
        opinion.replies,
        opinion.by,
    )


# ---- the firewall ----


def _firewall(proof: Proof, gateway: Gateway) -> _Opinion:
    """What the firewall says about one zone, port and family."""
    _passed, stopped, unknown = proof.sets()
    diverted = next((part for part in proof.parts("accept") if part.elsewhere), None)
    road = TRANSPARENT if diverted is not None and diverted.elsewhere.startswith("this host") else DIRECT
    where = f"public IPv{proof.family}"
    if stopped:
        ranked = proof.ranked("drop", "reject")
        stoppers = ranked.widest
        parts = proof.parts("drop", "reject")
        stages = tuple(sorted({Stage.ROUTE if part.stage == "route" else Stage.FIREWALL for part in parts}))
        whole = proof.space.size()
        everything = all(one.reach.stopped == whole for one in proof.classes)
        if everything and proof.complete:
            because = f"all of {where} is {stopped_by(stoppers[0])}"
            return _Opinion(Reach.BLOCKED, because, stages, 0.0, _sources(stoppers), road, stoppers[0].answers)
        if any(one.reach.accept for one in proof.classes):
            first = stoppers[0]
            if proof.coverage < 0.5:  # an allow-list: what it lets through says more than what stops the rest
                return _allow_list(proof, stoppers, stages, road)
            what = f"{share(first.addresses, proof.space)} of {where}"
            if len(first.addresses.starts) <= 3:
                what += f" ({some_prefixes(first.addresses, proof.family)})"
            because = f"{what} is {stopped_by(first)}{_for_whom(proof, first)}{_and_more(ranked)}"
            return _Opinion(Reach.PARTIAL, because, stages, proof.coverage, _sources(stoppers), road, first.answers)
    if unknown:
        doubts = tuple(dict.fromkeys(doubt for part in proof.ranked("unknown").widest for doubt in part.doubts))
        because = "; ".join(map(str, doubts[:3])) or "which of several routes is taken cannot be known"
        sources = tuple(dict.fromkeys(doubt.source for doubt in doubts if doubt.source))[:MAX_SOURCES]
        return _Opinion(Reach.UNKNOWN, because, (), proof.coverage, sources, road)
    if proof.told_apart_by:
        sources = tuple(source_of(*decider) for decider in proof.told_apart_by)
        because = (
            f"open for some sources: rules treat more groups of clients differently than are tried, by {sources[0]}"
        )
        return _Opinion(Reach.UNKNOWN, because, (), proof.coverage, sources, road)
    if diverted is not None:
        because = f"sent to {diverted.elsewhere} instead; what decides there is not known"
        sources = _sources(proof.ranked("accept").widest)
        return _Opinion(Reach.UNKNOWN, because, (), None, sources, road)
    if gateway.firewall.gaps:
        because = "; ".join(str(gap) for gap in gateway.firewall.gaps[:3])
        return _Opinion(Reach.UNKNOWN, because, (), None, (), road)
    accepting = proof.ranked("accept").widest
    by = f", by {accepting[0].source}" if accepting and accepting[0].source else ""
    return _Opinion(Reach.ALLOWED, f"all of {where} is accepted{by}", (), 1.0, _sources(accepting[:3]), road)


def _allow_list(proof: Proof, stoppers: Sequence[Decided], stages: tuple[Stage, ...], road: str) -> _Opinion:
    """Only some addresses pass: the rules that let them through, and what stops the rest."""
    ranked = proof.ranked("accept")
    passing = ranked.widest
    passed = min((one.reach for one in proof.classes), key=attrgetter("passing")).accept
    by = f" by {passing[0].source}" if passing and passing[0].source else ""
    more = f" and {ranked.count - 1} more rules" if ranked.count > 1 else ""
    few = share(passed, proof.space)
    because = (
        f"only {few} of public IPv{proof.family} {'pass' if few.endswith('addresses') else 'passes'},{by}{more}; "
        f"the rest is {stopped_by(stoppers[0])}{_for_whom(proof, stoppers[0])}"
    )
    sources = (*_sources(stoppers), *_sources(passing))[:MAX_SOURCES]
    return _Opinion(Reach.PARTIAL, because, stages, proof.coverage, sources, road)


def _sources(parts: Sequence[Decided]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(part.source for part in parts if part.source is not None))[:MAX_SOURCES]


def _and_more(ranked: Ranking) -> str:
    rest = ranked.count - 1
    return f"; {rest} more {'rule stops' if rest == 1 else 'rules stop'} others" if rest > 0 else ""


def _for_whom(proof: Proof, part: Decided) -> str:
    """For which clients a part is stopped, where not for all."""
    hit = [one for one in proof.classes if part.decider in one.reach.ranked("drop", "reject").deciders]
    if len(hit) == len(proof.classes):
        return ""
    clients = Intervals.of(pair for one in hit if one.clients for pair in one.clients.addresses)
    return f" for clients {some_prefixes(clients, proof.family)}" if clients else ""


# ---- names and proxies ----


def _by_proxy(gateway: Gateway, prover: Prover, requirement: Requirement, port: PortNeed, direct: _Opinion) -> _Opinion:
    """The host's own programs obey a system-wide proxy setting where there is one."""
    found = proxy_road(gateway, prover, requirement, port)
    if found is None:
        return direct
    return _Opinion(
        found.verdict,
        found.because,
        (Stage.PAC,) if found.verdict is Reach.BLOCKED else (),
        None,
        found.sources,
        f"{PROXY}{found.address}",
    )


def _with_names(opinion: _Opinion, names: NameOpinion, *, alone: bool) -> _Opinion:
    """Names that lead elsewhere, or nowhere, make an open road partial, or close it.

    Without addresses of one family clients take the other, unless this one is ``alone``.
    """
    if names.verdict is Reach.ALLOWED or opinion.verdict is Reach.NOT_ROUTED or opinion.road.startswith(PROXY):
        return opinion
    if names.verdict is Reach.NOT_ROUTED and not alone:
        return _Opinion(Reach.NOT_ROUTED, names.because, sources=names.sources)
    sources = (*names.sources[:MAX_SOURCES], *opinion.sources)
    if names.verdict is Reach.UNKNOWN:
        if opinion.verdict is not Reach.ALLOWED:
            return opinion
        return replace(opinion, verdict=Reach.UNKNOWN, because=names.because, sources=sources)
    partly = names.verdict is Reach.PARTIAL and opinion.verdict is not Reach.BLOCKED
    verdict = Reach.PARTIAL if partly else Reach.BLOCKED
    because = names.because if opinion.verdict is Reach.ALLOWED else f"{names.because}; {opinion.because}"
    stages = tuple(sorted({Stage.DNS, *opinion.blocked_at}))
    return replace(opinion, verdict=verdict, because=because, blocked_at=stages, sources=sources, by=names.resolver)
