"""What the resolvers of this host answer to a zone's clients, summed up for each requirement and family."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.judge.asked import asked_at, serving
from agent.judge.fates import NameFate, fate
from agent.judge.names import FINE, NAMES
from agent.judge.namespace import Part, parts
from agent.judge.opinion import Opinion
from agent.judge.wording import SAMPLED, listed
from agent.model.resolver import NameSet, Scope
from agent.model.vocabulary import Reach, Stage

if TYPE_CHECKING:
    from agent.judge.asked import Asked
    from agent.judge.reach import Prover
    from agent.model.gateway import Gateway, Zone
    from agent.model.proxy import Proxy
    from agent.model.requirement import Requirement
    from agent.model.resolver import Resolver, View
    from agent.model.source import Source


class Answers:
    """The resolvers of one gateway."""

    def __init__(self, gateway: Gateway, prover: Prover) -> None:
        self._gateway = gateway
        self._prover = prover
        stages = (stage for one in gateway.resolvers for view in one.views for stage in view.stages)
        self._sets = tuple(dict.fromkeys(names for stage in stages for names in stage.sets))
        self._parts: dict[Requirement, tuple[Part, ...] | str] = {}
        self._serving: dict[str, tuple[Asked, ...]] = {}

    def opinions(self, requirement: Requirement, asked: tuple[Asked, ...]) -> dict[int, Opinion]:
        """Give the opinion for each family of these resolvers; none where there are none."""
        views = [(resolver, view) for resolver, seen in asked for view in seen]
        fates = [
            {family: self._fates(resolver, view, requirement, family) for family in (4, 6)} for resolver, view in views
        ]
        found: dict[int, Opinion] = {}
        for family in (4, 6) if views else ():
            opinions = [_opinion(one[0], family, some) for one, some in zip(views, fates, strict=True)]
            found[family] = _together(opinions, [view for _, view in views])
        return found

    def _fates(self, resolver: Resolver, view: View, requirement: Requirement, family: int) -> tuple[NameFate, ...]:
        """What becomes of each part of a requirement's names; one that is unknown where they are too many."""
        if requirement not in self._parts:
            try:
                aliases = [NameSet(*_scope(alias)) for alias, _ in requirement.aliases]
                self._parts[requirement] = parts(requirement, (*self._sets, *aliases))
            except ValueError as error:
                self._parts[requirement] = str(error)
        found = self._parts[requirement]
        if isinstance(found, str):
            return (NameFate(requirement.pattern, found, None, unknown=True),)
        return tuple(fate(self._gateway, resolver, view, requirement, part, family) for part in found)

    def serving(self, zone: Zone) -> tuple[Asked, ...]:
        """Give the resolvers of this host that a zone's clients ask, with the views that these see."""
        if zone.name not in self._serving:
            self._serving[zone.name] = tuple(serving(self._gateway, self._prover, zone))
        return self._serving[zone.name]

    def asked_by(self, proxy: Proxy) -> tuple[Asked, ...]:
        """Give the resolvers of this host that a proxy asks, with the views that it sees."""
        servers = proxy.nameservers or tuple(one.address for one in self._gateway.nameservers)
        return tuple(asked_at(self._gateway, servers))


def _opinion(resolver: Resolver, family: int, asked: dict[int, tuple[NameFate, ...]]) -> Opinion:
    """Sum up the parts for one family; no data for one family alone means that the other is used."""
    mine, others = asked[family], asked[10 - family]
    sampled = [one for one in mine if one.sampled]
    if all(one.nodata for one in mine) and not sampled and not all(one.stopped for one in others):
        because = f"{resolver.kind} gives no IPv{family} addresses: {mine[0].source}"
        return Opinion(NAMES, Reach.NOT_ROUTED, because, _sources(mine), by=resolver.kind)
    stopped = [one for one in mine if one.stopped and not one.unknown]
    unknown = [one for one in mine if one.unknown]
    if not stopped and not unknown and sampled:
        return Opinion(NAMES, Reach.UNKNOWN, f"{resolver.kind}: {sampled[0].names}: {SAMPLED}", by=resolver.kind)
    if not stopped and not unknown:
        return Opinion(NAMES, Reach.ALLOWED, f"{resolver.kind} gives the service's own addresses", by=resolver.kind)
    first = (stopped or unknown)[0]
    alike = [one for one in (stopped or unknown) if one.stopped == first.stopped and one.source == first.source]
    every = len(stopped) == len(mine) and not sampled
    whole = every and not any(one.partly for one in stopped)
    names = "every name" if every and len(alike) == len(mine) else listed([one.names for one in alike])
    verb = "is" if names == "every name" or (len(alike) == 1 and " " not in names) else "are"
    where = f": {first.source}" if first.source else ""
    if not stopped:
        because = f"{resolver.kind}: {names}: {first.stopped}{where}"
        return Opinion(NAMES, Reach.UNKNOWN, because, _sources(unknown), by=resolver.kind)
    because = f"{names} {verb} {first.stopped} by {resolver.kind}{where}"
    verdict = Reach.BLOCKED if whole else Reach.PARTIAL
    return Opinion(NAMES, verdict, because, _sources(stopped), (Stage.DNS,), by=resolver.kind)


def _together(opinions: list[Opinion], views: list[View]) -> Opinion:
    """What clients get of which some see one view and some another."""
    if len({one.verdict for one in opinions}) == 1:
        return opinions[0]
    for verdicts in ((Reach.BLOCKED, Reach.PARTIAL), (Reach.UNKNOWN,)):
        for opinion, view in zip(opinions, views, strict=True):
            if opinion.verdict in verdicts:
                whom = f"for the clients of {view.source}" if view.source else "for the other clients"
                sources = (*opinion.sources, view.source) if view.source else opinion.sources
                verdict = Reach.PARTIAL if opinion.verdict is Reach.BLOCKED else opinion.verdict
                return replace(opinion, verdict=verdict, because=f"{opinion.because}, {whom}", sources=sources)
    return FINE


def _sources(fates: list[NameFate] | tuple[NameFate, ...]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(one.source for one in fates if one.source))


def _scope(alias: str) -> tuple[Scope, str]:
    return (Scope.BELOW, alias[2:]) if alias.startswith("*.") else (Scope.EXACT, alias)
