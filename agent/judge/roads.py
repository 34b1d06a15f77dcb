"""The roads from a zone to a required domain, and what each of their stages says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.judge.arrivals import arrival, at_own
from agent.judge.filtering import Requests
from agent.judge.names import FINE, NameStage
from agent.judge.opinion import Opinion
from agent.judge.own_proxy import own_proxy
from agent.judge.pac import script
from agent.judge.proof import own_source
from agent.judge.relay import EXPLICIT, UPSTREAM, Passages, Relay, form_for, joined
from agent.judge.zones import own_addresses
from agent.model.intervals import LOOPBACK, Intervals, as_address
from agent.model.proxy import SAME_ADDRESS, Form
from agent.model.record import record
from agent.model.vocabulary import HOST, Reach, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.judge.arrivals import Arrival
    from agent.judge.crossing import Elsewhere
    from agent.judge.reach import Prover
    from agent.model.gateway import Gateway, Zone
    from agent.model.proxy import Door, Proxy
    from agent.model.requirement import PortNeed, Requirement

DIRECT, TRANSPARENT, PROXY = "direct", "transparent-proxy", "proxy:"
DIVERTED: Final = {443: Form.TLS, 80: Form.HTTP}
"""What comes where NAT leads packets for a port of the web."""
ASKED: Final = (Form.CONNECT, Form.GET, Form.SOCKS)
"""How clients ask that know of a proxy."""
CUSTOMARY: Final = frozenset({"1080", "3128", "3129", "8000", "8080", "8081", "8088", "8118", "8123", "8888", "9090"})
"""Ports that people give proxies."""


@record
class Road:
    """One road, with the opinions of its stages in their order."""

    label: str
    """``direct``, ``transparent-proxy`` or ``proxy:<address:port>``."""
    stages: tuple[Opinion, ...]


class Roads:
    """The roads of one gateway."""

    def __init__(self, gateway: Gateway, prover: Prover, passages: Passages) -> None:
        self._gateway = gateway
        self._prover = prover
        self._passages = passages
        self._names = NameStage(gateway, prover)
        self._relay = Relay(gateway, prover, self._names, passages)
        self._explicit: dict[str, tuple[tuple[Proxy, Door, Arrival], ...]] = {}

    def of(self, requirement: Requirement, zone: Zone, port: PortNeed, family: int) -> Iterator[Road]:
        """Every road that clients of a zone use."""
        web = port.proto == "tcp" and port.port in EXPLICIT
        asked = Requests(requirement, port, family, Form.CONNECT, zone.sources)
        passage = self._passages[zone.name, port, family]
        if zone.name == HOST and passage.opinion.verdict is not Reach.NOT_ROUTED:
            yield from self._by_setting(asked, zone)
        elif zone.name != HOST and web and self._gateway.pacs:
            yield self._by_script(asked, zone)
        else:
            yield self._by_itself(asked, zone)
            if zone.name != HOST and web:
                for proxy, door, place in self._listening(zone):
                    clients = zone.sources_of(place.family)
                    yield from self._asking(proxy, door, place, replace(asked, clients=clients))

    # ---- by NAT or by itself ----

    def _by_itself(self, asked: Requests, zone: Zone) -> Road:
        """The road of packets that are sent to the server's own address."""
        passage = self._passages[zone.name, asked.port, asked.family]
        if passage.opinion.verdict is Reach.NOT_ROUTED:
            return Road(DIRECT, (passage.opinion,))
        other = self._passages.get((zone.name, asked.port, 10 - asked.family))
        alone = other is None or other.opinion.verdict is Reach.NOT_ROUTED
        names = self._names.opinions(asked.requirement, zone).get(asked.family, FINE)
        stages = [_on_its_own(names, alone=alone), passage.opinion]
        for place in passage.diverted:
            stages += self._diverted(place, asked, zone)
        here = any(place.here for place in passage.diverted)
        return Road(TRANSPARENT if here else DIRECT, tuple(stages))

    def _diverted(self, place: Elsewhere, asked: Requests, zone: Zone) -> Sequence[Opinion]:
        """What becomes of packets that NAT, TPROXY or routing lead elsewhere."""
        found = self._relay.door(arrival(place, asked.port.port))
        form = DIVERTED.get(asked.port.port) if asked.port.proto == "tcp" else None
        if found is None or form is None:
            because = f"sent to {place} instead; what decides there is not known"
            return (Opinion("proxy", Reach.UNKNOWN, because),)
        clients = zone.sources_of(asked.family)
        own = own_source(self._gateway, asked.family)
        if not clients and own is not None:
            clients = ((asked.family, Intervals.single(own)),)
        known = ((SAME_ADDRESS, True),) if self._names.same_servers(zone, found[0]) else ()
        return self._relay.through(*found, replace(asked, form=form, clients=clients, known=known))

    # ---- by asking a proxy ----

    def _listening(self, zone: Zone) -> tuple[tuple[Proxy, Door, Arrival], ...]:
        """The proxies that a zone's clients may ask by an address of their gateway."""
        if zone.name not in self._explicit:
            found: dict[tuple[Proxy, Door], Arrival] = {}
            for proxy in self._gateway.proxies:
                for door in proxy.doors:
                    if not any(door.course(form) for form in ASKED) or self._is_site(door):
                        continue
                    for place in at_own(self._gateway, self._prover, zone, "tcp", door.listener.port):
                        if place.takes(door.listener, proxy.addresses):
                            found.setdefault((proxy, door), place)
            self._explicit[zone.name] = tuple((proxy, door, place) for (proxy, door), place in found.items())
        return self._explicit[zone.name]

    def _is_site(self, door: Door) -> bool:
        """Whether all that comes in is handed to servers elsewhere, at ports where no proxy listens."""
        places = door.sends_to(*ASKED)
        return door.hands_on and bool(places) and not any(map(self._may_be_proxy, places))

    def _may_be_proxy(self, place: str) -> bool:
        """Whether a proxy may listen there; empty is the server that the client names."""
        host, _, port = place.rpartition(":")
        found = as_address(host.strip("[]"))
        own = host == "localhost" or (
            found and found[1] in own_addresses(self._gateway.network, found[0]) | LOOPBACK[found[0]]
        )
        return (
            not place or port in CUSTOMARY or bool(own) or any(host in one.addresses for one in self._gateway.proxies)
        )

    def _asking(self, proxy: Proxy, door: Door, place: Arrival, asked: Requests) -> Iterator[Road]:
        """The road through a proxy that clients ask; the family is that of the proxy's own connection."""
        label = f"{PROXY}{joined(place.address, door.listener.port)}"
        out = self._passages.get((HOST, asked.port, asked.family))
        if out is not None and out.opinion.verdict is Reach.NOT_ROUTED:
            yield Road(label, (out.opinion,))
        elif out is not None:
            form = form_for(door, asked.port)
            yield Road(label, tuple(self._relay.through(proxy, door, replace(asked, form=form))))

    def _by_setting(self, asked: Requests, zone: Zone) -> Iterator[Road]:
        """The road of this host's own programs through the proxy that their settings name."""
        found = own_proxy(self._gateway, asked.requirement, asked.port)
        if found is None:
            yield self._by_itself(asked, zone)
            return
        stages = [found.opinion]
        if found.opinion.verdict is not Reach.UNKNOWN:
            first, *behind = self._relay.at(found.address, asked, None)
            if first.title == UPSTREAM:  # that nobody can say more, or that it is not reached, is the setting's doing
                where = f": {found.opinion.sources[0]}" if first.verdict is Reach.UNKNOWN else ""
                sources = (*found.opinion.sources, *first.sources)
                stopped = (Stage.PAC,) if first.stops else ()
                first = replace(first, because=f"{first.because}{where}", sources=sources, blocked_at=stopped)
            stages += [first, *behind]
        if found.beside:
            stages += self._by_itself(asked, zone).stages
        yield Road(f"{PROXY}{found.address}", tuple(stages))

    def _by_script(self, asked: Requests, zone: Zone) -> Road:
        """The road that a PAC file chooses: by a proxy for some names, directly for others."""
        found = script(self._gateway.pacs, asked.requirement, asked.port)
        ways: list[Sequence[Opinion]] = []
        label = ""
        for choices in found.choices:
            taken: Sequence[Opinion] = ()
            for choice in choices:  # the next is tried where a proxy cannot be reached
                if choice == DIRECT:
                    road = self._by_itself(asked, zone)
                    label, taken = label or road.label, road.stages
                    break
                taken = self._relay.at(choice, asked, zone)
                label = label or f"{PROXY}{choice}"
                if not (taken[0].title == UPSTREAM and taken[0].stops):
                    break
            ways.append(taken)
        return Road(label or DIRECT, (found.opinion, *_each_for_some(ways)))


def _on_its_own(names: Opinion, *, alone: bool) -> Opinion:
    """Without addresses of one family clients take the other, unless this one is ``alone``."""
    if names.verdict is Reach.NOT_ROUTED and alone:
        return replace(names, verdict=Reach.BLOCKED, blocked_at=(Stage.DNS,))
    return names


def _each_for_some(ways: Sequence[Sequence[Opinion]]) -> Iterator[Opinion]:
    """The stages of ways that are taken for some names each: what closes one of them leaves the others."""
    whole = all(any(one.verdict is Reach.BLOCKED for one in way) for way in ways)
    for one in (stage for way in ways for stage in way):
        yield one if whole or one.verdict is not Reach.BLOCKED else replace(one, verdict=Reach.PARTIAL)
