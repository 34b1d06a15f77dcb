"""What the resolvers of this host answer to a zone's clients, summed up for each requirement and family."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.judge.arrivals import Arrival, at_own, on_the_way
from agent.judge.names import FINE, NAMES
from agent.judge.namespace import Part, parts
from agent.judge.opinion import Opinion
from agent.judge.wording import listed
from agent.judge.zones import own_addresses
from agent.model.intervals import Intervals, address_text, address_value
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.resolver import Fate, Outcome
from agent.model.vocabulary import HOST, Reach, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.judge.reach import Prover
    from agent.model.gateway import Gateway, Zone
    from agent.model.proxy import Proxy
    from agent.model.requirement import Requirement
    from agent.model.resolver import NameRule, Resolver, View
    from agent.model.source import Source

PORT: Final = 53
MAX_HOPS: Final = 8
"""Resolvers of this host that pass a question on to each other."""


@record
class _Fate:
    """What becomes of some names: None is well."""

    names: str
    stopped: str | None
    source: Source | None
    nodata: bool = False
    unknown: bool = False


Serving = tuple[tuple["Resolver", tuple["View", ...]], ...]
"""Resolvers, and for each the views that somebody sees."""


class Answers:
    """The resolvers of one gateway."""

    def __init__(self, gateway: Gateway, prover: Prover) -> None:
        self._gateway = gateway
        self._prover = prover
        stages = (stage for one in gateway.resolvers for view in one.views for stage in view.stages)
        self._sets = {names for stage in stages for names in stage.sets}
        self._parts: dict[Requirement, tuple[Part, ...] | str] = {}
        self._serving: dict[str, Serving] = {}

    def opinions(self, requirement: Requirement, asked: Serving) -> dict[int, Opinion]:
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

    def _fates(self, resolver: Resolver, view: View, requirement: Requirement, family: int) -> tuple[_Fate, ...]:
        """What becomes of each part of a requirement's names; one that is unknown where they are too many."""
        if requirement not in self._parts:
            try:
                self._parts[requirement] = parts(requirement, self._sets)
            except ValueError as error:
                self._parts[requirement] = str(error)
        found = self._parts[requirement]
        if isinstance(found, str):
            return (_Fate(requirement.pattern, found, None, unknown=True),)
        return tuple(_fate(self._gateway, resolver, view, part, family) for part in found)

    def serving(self, zone: Zone) -> Serving:
        """Give the resolvers of this host that a zone's clients ask, with the views that these see."""
        if zone.name not in self._serving:
            self._serving[zone.name] = tuple(_serving(self._gateway, self._prover, zone))
        return self._serving[zone.name]

    def asked_by(self, proxy: Proxy) -> Serving:
        """Give the resolvers of this host that a proxy asks, with the views that it sees."""
        servers = proxy.nameservers or tuple(one.address for one in self._gateway.nameservers)
        return tuple(asked_at(self._gateway, servers))


# ---- who is asked ----


def _serving(gateway: Gateway, prover: Prover, zone: Zone) -> Iterator[tuple[Resolver, tuple[View, ...]]]:
    """Those that a zone's clients reach, by themselves or because NAT leads their questions there.

    This host's own programs ask whom resolv.conf names.
    """
    if zone.name == HOST:
        yield from asked_at(gateway, [one.address for one in gateway.nameservers])
        return
    places = [
        *at_own(gateway, prover, zone, "udp", PORT),
        *on_the_way(gateway, prover, zone, "udp", PORT),
    ]
    for resolver in gateway.resolvers:
        views: dict[View, None] = {}
        for place in places:
            clients = zone.source_addresses(place.family)
            if clients and any(place.takes(one, resolver.addresses) for one in resolver.listeners):
                views |= dict.fromkeys(resolver.views_of(place.family, clients))
        if answering := tuple(view for view in views if view.serves):
            yield resolver, answering


def asked_at(gateway: Gateway, servers: Sequence[str]) -> Iterator[tuple[Resolver, tuple[View, ...]]]:
    """The resolvers here that a program of this host asks by these addresses (``address`` or ``address#port``)."""
    for resolver in gateway.resolvers:
        views: dict[View, None] = {}
        for server in servers:
            address, _, port = server.partition("#")
            try:
                family, value = address_value(address)
            except ValueError:
                continue
            local = not resolver.addresses
            if local and not (_is_loopback(address) or value in own_addresses(gateway.network, family)):
                continue
            place = Arrival(family, address, int(port or PORT), local)
            if any(place.takes(one, resolver.addresses) for one in resolver.listeners):
                # a packet to an address of one's own comes from that address
                views |= dict.fromkeys(resolver.views_of(family, Intervals.single(value)))
        if answering := tuple(view for view in views if view.serves):
            yield resolver, answering


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


# ---- what they answer ----


def _fate(gateway: Gateway, resolver: Resolver, view: View, part: Part, family: int) -> _Fate:
    """What becomes of one part of a requirement's names."""
    outcome, rule, unknown = _followed(gateway, view, part.sample, family)
    source = rule.source if rule else resolver.source
    if unknown:
        return _Fate(part.text, unknown, source, unknown=True)
    return _Fate(part.text, _stopped(outcome), source, outcome.fate is Fate.NODATA)


def _followed(gateway: Gateway, view: View, name: str, family: int) -> tuple[Outcome, NameRule | None, str]:
    """Answer a question, by the resolvers of this host that it is passed on to; and why that cannot be known."""
    for _ in range(MAX_HOPS):
        outcome, rule = view.answer(name, family)
        if outcome.fate is Fate.UNKNOWN:
            return outcome, rule, outcome.because or "the resolver's configuration is not known"
        behind = _behind(gateway, outcome) if outcome.fate is Fate.PASSED_ON else None
        if behind is None or behind is view:
            return outcome, rule, ""
        view = behind
    return outcome, rule, "resolvers pass questions round in a circle"


def _behind(gateway: Gateway, outcome: Outcome) -> View | None:
    """What a resolver of this host answers to this host, where a question is passed on to no other."""
    if len(outcome.upstreams) != 1:
        return None
    found = [view for _, views in asked_at(gateway, tuple(outcome.upstreams)) for view in views]
    return found[0] if found else None


def _stopped(outcome: Outcome) -> str | None:
    """What a client gets instead of the service's addresses; None where it gets these."""
    match outcome.fate:
        case Fate.ADDRESSES:
            wrong = sorted((family, value) for family, value in outcome.addresses if value not in PUBLIC[family])
            return f"answered with {address_text(wrong[0][1], wrong[0][0])}" if wrong else None
        case Fate.ALIAS:
            return f"answered with the addresses of {outcome.target}"
        case Fate.NXDOMAIN:
            return "said not to exist"
        case Fate.NODATA:
            return "said to have no address"
        case Fate.REFUSED:
            return "refused"
        case Fate.DROPPED:
            return "not answered"
        case _:
            return None


def _opinion(resolver: Resolver, family: int, asked: dict[int, tuple[_Fate, ...]]) -> Opinion:
    """Sum up the parts for one family; no data for one family alone means that the other is used."""
    mine, others = asked[family], asked[10 - family]
    if all(one.nodata for one in mine) and not all(one.stopped for one in others):
        because = f"{resolver.kind} gives no IPv{family} addresses: {mine[0].source}"
        return Opinion(NAMES, Reach.NOT_ROUTED, because, _sources(mine), by=resolver.kind)
    stopped = [one for one in mine if one.stopped and not one.unknown]
    unknown = [one for one in mine if one.unknown]
    if not stopped and not unknown:
        return Opinion(NAMES, Reach.ALLOWED, f"{resolver.kind} gives the service's own addresses", by=resolver.kind)
    first = (stopped or unknown)[0]
    alike = [one for one in (stopped or unknown) if one.stopped == first.stopped and one.source == first.source]
    every = len(stopped) == len(mine)
    names = "every name" if every and len(alike) == len(mine) else listed([one.names for one in alike])
    verb = "is" if names == "every name" or len(alike) == 1 else "are"
    where = f": {first.source}" if first.source else ""
    if not stopped:
        because = f"{resolver.kind}: {names}: {first.stopped}{where}"
        return Opinion(NAMES, Reach.UNKNOWN, because, _sources(unknown), by=resolver.kind)
    because = f"{names} {verb} {first.stopped} by {resolver.kind}{where}"
    verdict = Reach.BLOCKED if every else Reach.PARTIAL
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


def _sources(fates: list[_Fate] | tuple[_Fate, ...]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(one.source for one in fates if one.source))
