"""What becomes of requests from a proxy on: its own rules, whom it asks for names, and what its packets meet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.judge.arrivals import Arrival, a_client
from agent.judge.filtering import filtered
from agent.judge.names import FINE
from agent.judge.opinion import Opinion
from agent.judge.packet import PROTOCOLS
from agent.judge.proof import own_source
from agent.judge.reach import Question
from agent.model.intervals import Intervals, address_value
from agent.model.proxy import Form
from agent.model.vocabulary import HOST, Reach, Stage, from_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.judge.filtering import Requests
    from agent.judge.names import NameStage
    from agent.judge.passage import Passage
    from agent.judge.reach import Prover
    from agent.model.gateway import Gateway, Zone
    from agent.model.proxy import Door, Proxy
    from agent.model.requirement import PortNeed

Passages = dict[tuple[str, "PortNeed", int], "Passage"]
"""What the packet filter says, by zone, port and family."""
UPSTREAM: Final = "upstream proxy"
MAX_CHAIN: Final = 8
"""Proxies of this host that pass requests on to each other."""
EXPLICIT: Final = {443: (Form.CONNECT, Form.SOCKS), 80: (Form.GET, Form.SOCKS)}
"""How clients ask an explicit proxy, the usual way first."""


class Relay:
    """The proxies of one gateway, and the ways behind them."""

    def __init__(
        self, gateway: Gateway, prover: Prover, names: NameStage, passages: Mapping[tuple[str, PortNeed, int], Passage]
    ) -> None:
        self._gateway = gateway
        self._prover = prover
        self._names = names
        self._passages = passages

    def door(self, place: Arrival) -> tuple[Proxy, Door] | None:
        """Give the proxy that takes what comes to a place."""
        return next(
            (
                (proxy, door)
                for proxy in self._gateway.proxies
                for door in proxy.doors
                if place.takes(door.listener, proxy.addresses)
            ),
            None,
        )

    def through(self, proxy: Proxy, door: Door, asked: Requests, depth: int = 0) -> list[Opinion]:
        """Give a proxy's own opinion, and those of what comes behind it."""
        found = filtered(proxy, door, asked)
        stages = [found.opinion]
        if asked.family not in proxy.families:
            because = f"{proxy.kind} makes no IPv{asked.family} connections"
            stages.append(Opinion(proxy.kind, Reach.NOT_ROUTED, because, by=proxy.kind))
        for upstream in sorted(found.upstreams or {""}):
            stages += self.at(upstream, asked, None, depth + 1) if upstream else self._onward(proxy, door, asked)
        return stages

    def _onward(self, proxy: Proxy, door: Door, asked: Requests) -> Iterator[Opinion]:
        """What a proxy's own connection to the server meets: names, and the packet filter."""
        if asked.form in door.looks_up:
            names = self._names.of_proxy(asked.requirement, proxy).get(asked.family, FINE)
            yield replace(names, title=f"{proxy.kind}'s names")
        out = self._passages.get((HOST, asked.port, asked.family))
        if out is not None and not proxy.addresses:
            yield replace(out.opinion, title=f"packet filter, from {proxy.kind}")
        elif out is not None:
            because = f"how packets of {proxy.kind} leave its own network namespace is not followed"
            yield Opinion(f"packet filter, from {proxy.kind}", Reach.UNKNOWN, because)

    def at(self, address: str, asked: Requests, zone: Zone | None, depth: int = 0) -> list[Opinion]:
        """Say what the proxy at ``host:port`` does with what a zone's clients ask of it (None: this host itself)."""
        host, _, number = address.rpartition(":")
        place, opinion = self._place(host.strip("[]"), int(number) if number.isdecimal() else 0, zone)
        found = self.door(place) if place and depth <= MAX_CHAIN else None
        if found is None or place is None:
            return [opinion]
        own = (place.family, Intervals.single(address_value(place.address)[1]))
        clients = zone.sources_of(place.family) if zone else (own,)
        # what was diverted, and is passed on as it came, is taken for what it is
        kept = asked.form in (Form.TLS, Form.HTTP) and found[1].course(asked.form) is not None
        form = asked.form if kept and depth else form_for(found[1], asked.port)
        return self.through(*found, replace(asked, form=form, clients=clients, known=()), depth)

    def _place(self, host: str, port: int, zone: Zone | None) -> tuple[Arrival | None, Opinion]:
        """Where packets to a proxy end, if that is at this host; and what to say where it is not one of this host's."""
        who = f" {from_zone(zone.name)}" if zone else ""
        because = f"passed on to the proxy {joined(host, port)}; what it allows is not known"
        unknown = Opinion(UPSTREAM, Reach.UNKNOWN, because)
        host = "127.0.0.1" if host == "localhost" else host
        try:
            family, value = address_value(host)
        except ValueError:
            return None, unknown
        source = a_client(self._gateway, zone, family) if zone else own_source(self._gateway, family)
        interface = zone.interface if zone else None
        reach = self._prover.reach(Question(family, PROTOCOLS["tcp"], port, interface, source), Intervals.single(value))
        stopped = next((part.source for part in reach.ranked("drop", "reject").widest), None)
        if reach.stopped:
            because = f"the proxy {joined(host, port)} cannot be reached{who}" + (f": {stopped}" if stopped else "")
            return None, Opinion(UPSTREAM, Reach.BLOCKED, because, (stopped,) if stopped else (), (Stage.PROXY,))
        here = any(part.elsewhere is not None and part.elsewhere.here for part in reach.parts)
        return (Arrival(family, host, port) if here else None), unknown


def form_for(door: Door, port: PortNeed) -> Form:
    """How clients ask at a door for a port of the server's."""
    forms = EXPLICIT.get(port.port, (Form.CONNECT,))
    return next((one for one in forms if door.course(one) is not None), forms[0])


def joined(host: str, port: int) -> str:
    """``10.0.0.1:3128``, ``[2001:db8::1]:3128``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
