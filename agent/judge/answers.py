"""What the resolvers of this host answer to a zone's clients, summed up for each requirement and family."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.judge.names import FINE, MAX_NAMES, NameOpinion
from agent.judge.namespace import Part, parts
from agent.judge.proof import PROTOCOLS
from agent.judge.reach import Prover, Question
from agent.judge.zones import own_addresses
from agent.model.intervals import Intervals, address_text, address_value
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.resolver import Fate, Outcome
from agent.model.vocabulary import HOST, Reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.gateway import Gateway, Zone
    from agent.model.requirement import Requirement
    from agent.model.resolver import NameRule, Resolver, View
    from agent.model.source import Source

PORT: Final = 53
EVERYWHERE: Final = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared, not bound
MAX_HOPS: Final = 8
"""Resolvers of this host that pass a question on to each other."""
SAMPLED: Final = "there are too many patterns to know what they do to all names together"


@record
class _Fate:
    """What becomes of some names: None is well."""

    names: str
    stopped: str | None
    source: Source | None
    nodata: bool = False
    unknown: bool = False
    sampled: bool = False
    """Some of these names may fare otherwise."""


class Answers:
    """The resolvers of one gateway."""

    def __init__(self, gateway: Gateway, prover: Prover) -> None:
        self._gateway = gateway
        self._prover = prover
        stages = (stage for one in gateway.resolvers for view in one.views for stage in view.stages)
        self._sets = tuple(dict.fromkeys(names for stage in stages for names in stage.sets))
        self._parts: dict[Requirement, tuple[Part, ...] | str] = {}
        self._serving: dict[str, tuple[tuple[Resolver, tuple[View, ...]], ...]] = {}

    def opinions(self, requirement: Requirement, zone: Zone) -> dict[int, NameOpinion]:
        """Give the opinion for each family; none where no resolver here is asked."""
        views = [(resolver, view) for resolver, seen in self.serving(zone) for view in seen]
        asked = [
            {family: self._fates(resolver, view, requirement, family) for family in (4, 6)} for resolver, view in views
        ]
        found: dict[int, NameOpinion] = {}
        for family in (4, 6) if views else ():
            opinions = [_opinion(one[0], family, fates) for one, fates in zip(views, asked, strict=True)]
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

    def serving(self, zone: Zone) -> tuple[tuple[Resolver, tuple[View, ...]], ...]:
        """Give the resolvers of this host that a zone's clients ask, with the views that these see."""
        if zone.name not in self._serving:
            self._serving[zone.name] = tuple(_serving(self._gateway, self._prover, zone))
        return self._serving[zone.name]


# ---- who is asked ----


def _serving(gateway: Gateway, prover: Prover, zone: Zone) -> Iterator[tuple[Resolver, tuple[View, ...]]]:
    """Those that a zone's clients can reach; this host's own programs ask whom resolv.conf names."""
    if not gateway.network.known:
        return
    for resolver in gateway.resolvers:
        views: dict[View, None] = {}
        if zone.name == HOST:
            for one in gateway.nameservers:
                if _listens(resolver, one.address):  # a packet to an address of one's own comes from that address
                    family, value = address_value(one.address)
                    views |= dict.fromkeys(resolver.views_of(family, Intervals.single(value)))
        else:
            for family in (4, 6):
                clients = zone.source_addresses(family)
                if clients is not None and _reaches(gateway, prover, zone, resolver, family):
                    views |= dict.fromkeys(resolver.views_of(family, clients))
        if answering := tuple(view for view in views if view.serves):
            yield resolver, answering


def _listens(resolver: Resolver, address: str) -> bool:
    """Whether questions to an address of this host get to a resolver."""
    return any(
        one.port == PORT and (one.address == address or (one.address in EVERYWHERE)) for one in resolver.listeners
    )


def _reaches(gateway: Gateway, prover: Prover, zone: Zone, resolver: Resolver, family: int) -> bool:
    """Whether a zone's packets to port 53 of its own gateway get to a resolver there."""
    clients = zone.source_addresses(family)
    own = [
        address.value
        for interface in gateway.network.interfaces
        if interface.name == zone.interface
        for address in interface.addresses
        if address.family == family and address.scope == "global"
    ]
    if clients is None:
        return False
    for value in own:
        if not _listens(resolver, address_text(value, family)):
            continue
        source = next((start for start, end in clients if start != value), None)
        reach = prover.reach(Question(family, PROTOCOLS["udp"], PORT, zone.interface, source), Intervals.single(value))
        if not reach.stopped:
            return True
    return False


# ---- what they answer ----


def _fate(gateway: Gateway, resolver: Resolver, view: View, part: Part, family: int) -> _Fate:
    """What becomes of one part of a requirement's names."""
    outcome, rule, unknown = _followed(gateway, view, part.sample, family)
    source = rule.source if rule else resolver.source
    if unknown:
        return _Fate(part.text, unknown, source, unknown=True)
    return _Fate(part.text, _stopped(outcome), source, outcome.fate is Fate.NODATA, sampled=part.sampled)


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
    address, _, port = next(iter(outcome.upstreams)).partition("#")
    try:
        family, value = address_value(address)
    except ValueError:
        return None
    loopback = address.startswith("127.") or address == "::1"
    if not loopback and value not in own_addresses(gateway.network, family):
        return None
    for resolver in gateway.resolvers:
        for one in resolver.listeners:
            if str(one.port) == (port or str(PORT)) and (one.address == address or one.address in EVERYWHERE):
                return next(iter(resolver.views_of(family, Intervals.single(value))), None)
    return None


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


def _opinion(resolver: Resolver, family: int, asked: dict[int, tuple[_Fate, ...]]) -> NameOpinion:
    """Sum up the parts for one family; no data for one family alone means that the other is used."""
    mine, others = asked[family], asked[10 - family]
    sampled = [one for one in mine if one.sampled]
    if all(one.nodata for one in mine) and not sampled and not all(one.stopped for one in others):
        because = f"{resolver.kind} gives no IPv{family} addresses: {mine[0].source}"
        return NameOpinion(Reach.NOT_ROUTED, because, _sources(mine), resolver.kind)
    stopped = [one for one in mine if one.stopped and not one.unknown]
    unknown = [one for one in mine if one.unknown]
    if not stopped and not unknown:
        because = f"{resolver.kind}: {sampled[0].names}: {SAMPLED}" if sampled else ""
        return NameOpinion(Reach.UNKNOWN, because, (), resolver.kind) if sampled else FINE
    first = (stopped or unknown)[0]
    alike = [one for one in (stopped or unknown) if one.stopped == first.stopped and one.source == first.source]
    every = len(stopped) == len(mine) and not sampled
    names = "every name" if every and len(alike) == len(mine) else _listed([one.names for one in alike])
    verb = "is" if names == "every name" or (len(alike) == 1 and " " not in names) else "are"
    where = f": {first.source}" if first.source else ""
    if not stopped:
        return NameOpinion(
            Reach.UNKNOWN, f"{resolver.kind}: {names}: {first.stopped}{where}", _sources(unknown), resolver.kind
        )
    because = f"{names} {verb} {first.stopped} by {resolver.kind}{where}"
    return NameOpinion(Reach.BLOCKED if every else Reach.PARTIAL, because, _sources(stopped), resolver.kind)


def _together(opinions: list[NameOpinion], views: list[View]) -> NameOpinion:
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


def _listed(names: list[str]) -> str:
    """A few of the parts: a name, all below it, or both."""
    texts = []
    for name in dict.fromkeys(names):
        if name.startswith("*.") and name[2:] in names:
            continue
        texts.append(f"{name} and all below it" if f"*.{name}" in names else name)
    more = len(texts) - MAX_NAMES
    return ", ".join(texts[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _sources(fates: list[_Fate] | tuple[_Fate, ...]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(one.source for one in fates if one.source))
