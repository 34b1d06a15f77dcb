"""The roads from a zone to a required domain, and what each of their stages says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.judge.arrivals import Arrival, arrival, at_own
from agent.judge.filtering import Requests, filtered
from agent.judge.names import FINE, NameStage
from agent.judge.opinion import Opinion
from agent.judge.own_proxy import own_proxy
from agent.judge.packet import PROTOCOLS
from agent.judge.proof import own_source
from agent.judge.reach import Question
from agent.model.intervals import Intervals, address_value
from agent.model.proxy import SAME_ADDRESS, Form
from agent.model.record import record
from agent.model.vocabulary import HOST, Reach, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.judge.crossing import Elsewhere
    from agent.judge.passage import Passage
    from agent.judge.reach import Prover
    from agent.model.gateway import Gateway, Zone
    from agent.model.proxy import Door, Proxy
    from agent.model.requirement import PortNeed, Requirement

DIRECT, TRANSPARENT, PROXY = "direct", "transparent-proxy", "proxy:"
MAX_CHAIN: Final = 8
"""Proxies of this host that pass requests on to each other."""
_EXPLICIT: Final = {443: (Form.CONNECT, Form.SOCKS), 80: (Form.GET, Form.SOCKS)}
"""How clients ask an explicit proxy, the usual way first."""

UPSTREAM: Final = "upstream proxy"


@record
class Road:
    """One road, with the opinions of its stages in their order."""

    label: str
    """``direct``, ``transparent-proxy`` or ``proxy:<address:port>``."""
    stages: tuple[Opinion, ...]


class Roads:
    """The roads of one gateway."""

    def __init__(self, gateway: Gateway, prover: Prover, passages: Mapping[tuple[str, PortNeed, int], Passage]) -> None:
        self._gateway = gateway
        self._prover = prover
        self._passages = passages
        self._names = NameStage(gateway, prover)
        self._explicit: dict[str, tuple[tuple[Proxy, Door, Arrival], ...]] = {}

    def of(self, requirement: Requirement, zone: Zone, port: PortNeed, family: int) -> Iterator[Road]:
        """Every road that clients of a zone may use."""
        passage = self._passages[zone.name, port, family]
        if zone.name == HOST and passage.opinion.verdict is not Reach.NOT_ROUTED:
            found = own_proxy(self._gateway, requirement, port)
            if found is not None:
                yield Road(
                    f"{PROXY}{found.address}", self._by_setting(found.address, found.opinion, requirement, port, family)
                )
                return
        yield self._by_itself(requirement, zone, port, family)
        if zone.name != HOST and port.proto == "tcp" and port.port in _EXPLICIT:
            for proxy, door, place in self._listening(zone):
                yield from self._asking(proxy, door, place, requirement, zone, port, family)

    # ---- by NAT or by itself ----

    def _by_itself(self, requirement: Requirement, zone: Zone, port: PortNeed, family: int) -> Road:
        """The road of packets that are sent to the server's own address."""
        passage = self._passages[zone.name, port, family]
        if passage.opinion.verdict is Reach.NOT_ROUTED:
            return Road(DIRECT, (passage.opinion,))
        other = self._passages.get((zone.name, port, 10 - family))
        alone = other is None or other.opinion.verdict is Reach.NOT_ROUTED
        stages = [_on_its_own(self._names.opinions(requirement, zone).get(family, FINE), alone=alone), passage.opinion]
        here = False
        for place in passage.diverted:
            here = here or place.here
            stages += self._diverted(place, requirement, zone, port, family)
        return Road(TRANSPARENT if here else DIRECT, tuple(stages))

    def _diverted(
        self, place: Elsewhere, requirement: Requirement, zone: Zone, port: PortNeed, family: int
    ) -> Sequence[Opinion]:
        target = arrival(place, port.port)
        found = next(
            (
                (proxy, door)
                for proxy in self._gateway.proxies
                for door in proxy.doors
                if target.takes(door.listener, proxy.addresses)
            ),
            None,
        )
        form = {443: Form.TLS, 80: Form.HTTP}.get(port.port)
        if found is None or form is None:
            because = f"sent to {place} instead; what decides there is not known"
            return (Opinion("proxy", Reach.UNKNOWN, because),)
        proxy, door = found
        clients = zone.sources or ((family, Intervals.single(own_source(self._gateway, family) or 0)),)
        mine = tuple((kin, some) for kin, some in clients if kin == family)
        same = self._names.same_servers(zone, proxy)
        known = ((SAME_ADDRESS, True),) if same else ()
        asked = Requests(form, port.port, mine, family, known)
        return self._through(proxy, door, requirement, asked, port, family)

    # ---- by asking a proxy ----

    def _listening(self, zone: Zone) -> tuple[tuple[Proxy, Door, Arrival], ...]:
        """The proxies that a zone's clients may ask by an address of their gateway."""
        if zone.name not in self._explicit:
            found: dict[tuple[Proxy, Door], Arrival] = {}
            for proxy in self._gateway.proxies:
                for door in proxy.doors:
                    if not any(door.course(form) for form in (Form.CONNECT, Form.GET, Form.SOCKS)):
                        continue
                    for place in at_own(self._gateway, self._prover, zone, "tcp", door.listener.port):
                        if place.takes(door.listener, proxy.addresses):
                            found.setdefault((proxy, door), place)
            self._explicit[zone.name] = tuple((proxy, door, place) for (proxy, door), place in found.items())
        return self._explicit[zone.name]

    def _asking(  # noqa: PLR0913, PLR0917 - a proxy, and what is asked of it
        self,
        proxy: Proxy,
        door: Door,
        place: Arrival,
        requirement: Requirement,
        zone: Zone,
        port: PortNeed,
        family: int,
    ) -> Iterator[Road]:
        """The road through a proxy that clients ask; ``family`` is that of the proxy's own connection."""
        label = f"{PROXY}{_joined(place.address, door.listener.port)}"
        out = self._passages.get((HOST, port, family))
        if out is None or out.opinion.verdict is Reach.NOT_ROUTED:
            if out is not None:
                yield Road(label, (out.opinion,))
            return
        form = next((one for one in _EXPLICIT[port.port] if door.course(one) is not None), _EXPLICIT[port.port][0])
        asked = Requests(form, port.port, zone.sources, family)
        yield Road(label, tuple(self._through(proxy, door, requirement, asked, port, family)))

    def _by_setting(
        self, address: str, opinion: Opinion, requirement: Requirement, port: PortNeed, family: int
    ) -> tuple[Opinion, ...]:
        """The road of this host's own programs through the proxy that their settings name."""
        if opinion.verdict is not Reach.ALLOWED:
            return (opinion,)
        behind = self._upstream(address, requirement, port, family, 0)
        first = behind[0]
        if first.title == UPSTREAM:  # an unreachable proxy is the setting's fault
            first = replace(
                first,
                because=f"{first.because}: {opinion.sources[0]}" if first.verdict is Reach.UNKNOWN else first.because,
                sources=(*opinion.sources, *first.sources),
                blocked_at=(Stage.PAC,) if first.stops else (),
            )
        return (opinion, first, *behind[1:])

    # ---- from a proxy on ----

    def _through(  # noqa: PLR0913, PLR0917 - a proxy, and what is asked of it
        self,
        proxy: Proxy,
        door: Door,
        requirement: Requirement,
        asked: Requests,
        port: PortNeed,
        family: int,
        depth: int = 0,
    ) -> list[Opinion]:
        """A proxy's own opinion, and those of what comes behind it."""
        found = filtered(proxy, door, requirement, asked)
        stages = [found.opinion]
        if family not in proxy.families:
            because = f"{proxy.kind} makes no IPv{family} connections"
            stages.append(Opinion(proxy.kind, Reach.NOT_ROUTED, because, by=proxy.kind))
        for upstream in sorted(found.upstreams or {""}):
            if upstream:
                stages += self._upstream(upstream, requirement, port, family, depth + 1)
            else:
                stages += self._onward(proxy, door, asked.form, requirement, port, family)
        return stages

    def _onward(  # noqa: PLR0913, PLR0917 - a proxy, and what it was asked
        self, proxy: Proxy, door: Door, form: Form, requirement: Requirement, port: PortNeed, family: int
    ) -> Iterator[Opinion]:
        """What a proxy's own connection to the server meets: names, and the packet filter."""
        if form in door.looks_up:
            yield replace(self._names.of_proxy(requirement, proxy).get(family, FINE), title=f"{proxy.kind}'s names")
        out = self._passages.get((HOST, port, family))
        if out is not None and not proxy.addresses:
            yield replace(out.opinion, title=f"packet filter, from {proxy.kind}")
        elif out is not None:
            because = f"how packets of {proxy.kind} leave its own network namespace is not followed"
            yield Opinion(f"packet filter, from {proxy.kind}", Reach.UNKNOWN, because)

    def _upstream(
        self, upstream: str, requirement: Requirement, port: PortNeed, family: int, depth: int
    ) -> list[Opinion]:
        """What an upstream proxy does with it, where that is one of this host's."""
        host, _, number = upstream.rpartition(":")
        place, opinion = self._to(host.strip("[]"), int(number) if number.isdecimal() else 0)
        if place is None or depth > MAX_CHAIN:
            return [opinion]
        for proxy in self._gateway.proxies:
            for door in proxy.doors:
                if place.takes(door.listener, proxy.addresses):
                    form = next(
                        (one for one in _EXPLICIT.get(port.port, ()) if door.course(one) is not None), Form.CONNECT
                    )
                    own = Intervals.single(address_value(place.address)[1])
                    asked = Requests(form, port.port, ((place.family, own),), family)
                    return [*self._through(proxy, door, requirement, asked, port, family, depth)]
        return [opinion]

    def _to(self, host: str, port: int) -> tuple[Arrival | None, Opinion]:
        """Whether this host reaches an upstream; and where that is, if it is this host itself."""
        because = f"passed on to the proxy {_joined(host, port)}; what it allows is not known"
        unknown = Opinion(UPSTREAM, Reach.UNKNOWN, because)
        try:
            family, value = address_value("127.0.0.1" if host == "localhost" else host)
        except ValueError:
            return None, unknown
        question = Question(family, PROTOCOLS["tcp"], port, None, own_source(self._gateway, family))
        reach = self._prover.reach(question, Intervals.single(value))
        stopped = next((part.source for part in reach.ranked("drop", "reject").widest), None)
        if stopped is not None:
            because = f"the proxy {_joined(host, port)} cannot be reached: {stopped}"
            return None, Opinion(UPSTREAM, Reach.BLOCKED, because, (stopped,), (Stage.PROXY,))
        here = any(part.elsewhere is not None and part.elsewhere.here for part in reach.parts)
        return (Arrival(family, host if host != "localhost" else "127.0.0.1", port) if here else None), unknown


def _on_its_own(names: Opinion, *, alone: bool) -> Opinion:
    """Without addresses of one family clients take the other, unless this one is ``alone``."""
    if names.verdict is Reach.NOT_ROUTED and alone:
        return replace(names, verdict=Reach.BLOCKED, blocked_at=(Stage.DNS,))
    return names


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
