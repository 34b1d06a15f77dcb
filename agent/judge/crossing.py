"""Crossing hooks: the base chains that stand there, connection tracking and NAT between them.

What travels is a *load*: one packet and the set of destination addresses it stands for. How a base chain treats
a load is the runner's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from agent.judge.blocks import End, Ending
from agent.judge.doubt import NO_INTERFACES, Doubt
from agent.judge.hooks import Station, stations
from agent.judge.packet import (
    DNATTED,
    FOLLOWED,
    ICMP,
    ICMPV6,
    REROUTE,
    SNATTED,
    SWEPT,
    TPROXIED,
    TRACKED,
    UNKNOWN,
    Packet,
    family_of,
    followed,
    put,
)
from agent.judge.patchwork import Patchwork
from agent.judge.replies import Connection, untranslated
from agent.model.expression import CtState, Field
from agent.model.firewall import ChainType, Decider, Hook, Tool
from agent.model.intervals import Intervals, address_text, name_text, name_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.judge.routing import Road, Routing
    from agent.model.firewall import Firewall

MAIN_HOOKS = (Hook.FORWARD, Hook.INPUT, Hook.OUTPUT)


class Load(NamedTuple):
    """A packet on its way: what decided last, and what left it open so far."""

    packet: Packet
    decider: Decider | Patchwork | None = None
    doubts: tuple[Doubt, ...] = ()


class Elsewhere(NamedTuple):
    """Where NAT, TPROXY or routing lead a packet instead of its own destination."""

    family: int
    here: bool
    """This host takes it."""
    address: int | None
    """None where it is not known, or the packet's own."""
    port: int
    """0 where it is not known, or the packet's own."""
    own: bool = False
    """The destination's address stays as it was."""

    def __str__(self) -> str:
        """``this host port 3128``, ``172.17.0.2 port 53``."""
        port = f" port {self.port}" if self.port else ""
        if self.here:
            return f"this host{port}"
        if self.address is None:
            return f"{'its own address' if self.own else 'another address'}{port}"
        return f"{address_text(self.address, self.family)}{port}"


class Outcome(NamedTuple):
    """One possible end of the whole way, for a set of destination addresses."""

    end: End
    load: Load
    addresses: Intervals
    stage: str
    """``firewall`` or ``route``."""
    note: str = ""
    """What stopped it where that was no rule: ``no route``, ``forwarding is off``..."""
    delivered: bool = False
    """Accepted for this host itself."""

    @property
    def elsewhere(self) -> Elsewhere | None:
        """Where the packet ends where that is not its own destination, or where this host takes it for itself."""
        packet = self.load.packet
        if self.end is not End.ACCEPT or not (packet[DNATTED] or self.delivered):
            return None
        port = packet[TPROXIED] or (packet[Field.DPORT] if packet[DNATTED] else 0)
        address = packet[Field.DADDR]
        return Elsewhere(
            family_of(packet), self.delivered, address if address >= 0 else None, max(port, 0), address == SWEPT
        )


class Runner(Protocol):
    """How loads are treated by base chains and by routing."""

    def run(
        self, station: Station, load: Load, addresses: Intervals
    ) -> Iterable[tuple[Ending, tuple[Doubt, ...], Intervals]]:
        """Give the possible ends of one base chain, each with its doubts and addresses; NAT is applied."""
        ...

    def roads(self, packet: Packet, addresses: Intervals) -> Iterable[tuple[Road, Intervals]]:
        """Give the ways that routing chooses, each with its addresses."""
        ...

    def reverse_paths(self, packet: Packet, addresses: Intervals) -> Iterable[tuple[bool | None, Intervals]]:
        """Say for which addresses the reverse path filter drops an incoming packet; None where it may."""
        ...


Frontier = dict[Load, Intervals]


class Crossing:
    """Takes loads over the hooks of one gateway; what is stopped on the way becomes an outcome."""

    def __init__(self, firewall: Firewall, routing: Routing, runner: Runner) -> None:
        self.outcomes: list[Outcome] = []
        self.connection: Connection | None = None
        """That of the answers which are followed; None for first packets."""
        self._firewall = firewall
        self._routing = routing
        self._runner = runner
        self._stations: dict[tuple[Hook, int, str, bool], tuple[Station, ...]] = {}

    def _stations_at(self, hook: Hook, family: int, device: str = "", *, bridge: bool = False) -> tuple[Station, ...]:
        key = (hook, family, device, bridge)
        known = self._stations.get(key)
        if known is None:
            known = self._stations[key] = stations(self._firewall, family, hook, device, bridge=bridge)
        return known

    def cross(self, hook: Hook, frontier: Frontier, family: int, device: str = "", *, nat: bool = True) -> Frontier:
        """Run all base chains of a hook; drops and rejects become outcomes, the rest goes on."""
        frontier = self._run(self._stations_at(hook, family, device), hook, frontier, nat=nat)
        if hook not in (Hook.PREROUTING, Hook.OUTPUT) and self.connection is None:
            return frontier
        done: Frontier = {}
        for load, addresses in frontier.items():
            _add(done, load._replace(packet=self._leaving(load.packet, hook)), addresses)
        return done

    def bridged(self, hooks: tuple[Hook, ...], frontier: Frontier, family: int, field: Field) -> Frontier:
        """Run the chains of a bridge that the packet comes by, or leaves by: they see its port.

        Before the ports' own ingress and behind their egress chains nothing is known of bridges.
        """
        chains = [(hook, self._stations_at(hook, family, bridge=True)) for hook in hooks]
        if not frontier or not any(some for _, some in chains):
            return frontier
        device = next(iter(frontier)).packet[field]
        ports = self._routing.bridge_ports(name_text(device)) if device >= 0 else None
        if ports is not None and not ports:
            return frontier
        port = name_value(ports[0]) if ports and len(ports) == 1 else UNKNOWN
        outside: Frontier = dict(frontier) if ports is None else {}
        for load, addresses in frontier.items():
            packet = put(put(load.packet, field, port), Field.CT_STATE, UNKNOWN)
            doubts = load.doubts if ports is not None else joined(load.doubts, (NO_INTERFACES,))
            inside: Frontier = {load._replace(packet=packet, doubts=doubts): addresses}
            for hook, stations_there in chains:
                inside = self._run(stations_there, hook, inside)
            for passed, some in inside.items():
                left = put(put(passed.packet, field, device), Field.CT_STATE, load.packet[Field.CT_STATE])
                _add(outside, passed._replace(packet=left), some)
        return outside

    def _run(self, some: Iterable[Station], hook: Hook, frontier: Frontier, *, nat: bool = True) -> Frontier:
        """Run base chains one after the other; drops and rejects become outcomes, the rest goes on."""
        for station in some:
            if not frontier:
                return frontier
            onward: Frontier = {}
            for load, addresses in frontier.items():
                entering = load._replace(packet=self._entering(load.packet, station, hook))
                if station.nat and not (nat and _asks_nat(entering.packet, hook)):
                    _add(onward, entering, addresses)
                    continue
                latest: tuple[Doubt, ...] = ()
                open_by = load.doubts
                for ending, doubts, part in self._runner.run(station, entering, addresses):
                    if doubts is not latest:
                        latest, open_by = doubts, joined(load.doubts, doubts)
                    left = Load(
                        _marked_for_routing(station, hook, entering.packet, ending.packet),
                        _decider(station, hook, load, ending),
                        open_by,
                    )
                    if ending.end is End.ACCEPT:
                        _add(onward, left, part)
                    else:
                        self.outcome(ending.end, left, part)
            frontier = onward
        return frontier

    def _entering(self, packet: Packet, station: Station, hook: Hook) -> Packet:
        """The packet as a base chain meets it: before or after connection tracking, and NAT of a known connection."""
        if station.tracked:
            packet = self._followed(packet)
        return untranslated(packet, hook, self.connection) if station.translated and self.connection else packet

    def _leaving(self, packet: Packet, hook: Hook) -> Packet:
        """The packet behind a hook: connection tracking and NAT run even where no chain follows them."""
        if hook in (Hook.PREROUTING, Hook.OUTPUT):
            packet = self._followed(packet)
        return untranslated(packet, hook, self.connection) if self.connection else packet

    def _followed(self, packet: Packet) -> Packet:
        after = followed(packet)
        if self.connection is None or after is packet or after[TRACKED] != FOLLOWED:
            return after
        return put(put(after, Field.CT_STATUS, self.connection.status), Field.CT_MARK, self.connection.mark)

    def outcome(  # noqa: PLR0913 - the fields of Outcome
        self,
        end: End,
        load: Load,
        addresses: Intervals,
        stage: str = "firewall",
        note: str = "",
        *,
        delivered: bool = False,
    ) -> None:
        """Note an end of the whole way."""
        self.outcomes.append(Outcome(end, load, addresses, stage, note, delivered))


def _asks_nat(packet: Packet, hook: Hook) -> bool:
    """Nat chains see only the first packet of a followed flow without a mapping (nf_nat_inet_fn)."""
    state = packet[Field.CT_STATE]
    if packet[TRACKED] != FOLLOWED or state not in (CtState.NEW, CtState.RELATED):
        return False
    if state == CtState.RELATED and packet[Field.L4PROTO] in (ICMP, ICMPV6):  # an error follows its own connection
        return False
    return not packet[DNATTED if hook in (Hook.PREROUTING, Hook.OUTPUT) else SNATTED]


def _marked_for_routing(station: Station, hook: Hook, before: Packet, after: Packet) -> Packet:
    """Chains of type route, and mappings, have this host's packets routed again; a mark in a filter chain does not.

    Sources: nf_route_table_hook4() in nft_chain_route.c, nf_nat_ipv4_local_fn() in nf_nat_proto.c.
    """
    base = station.chain.base
    if hook is not Hook.OUTPUT or base is None or base.type is ChainType.FILTER:
        return after
    fields = (Field.DADDR, Field.SADDR, Field.MARK) if base.type is ChainType.ROUTE else (Field.DADDR,)
    if all(before[one] == after[one] for one in fields):
        return after
    mark = after[Field.MARK]  # what later chains make of it comes too late
    return put(after, REROUTE, mark if mark == UNKNOWN else mark + 1)


def joined(some: tuple[Doubt, ...], more: tuple[Doubt, ...]) -> tuple[Doubt, ...]:
    """All doubts of both, each once."""
    return tuple(dict.fromkeys((*some, *more))) if more else some


def _add(frontier: Frontier, load: Load, addresses: Intervals) -> None:
    known = frontier.get(load)
    frontier[load] = addresses if known is None else known | addresses


def _decider(station: Station, hook: Hook, load: Load, ending: Ending) -> Decider | Patchwork | None:
    """Who decided so far: what stopped it, else the last explicit accept of the main hook or its policy."""
    base = station.chain.base
    if ending.end is End.ACCEPT:
        # NAT and mangle accept as a matter of course; pf has no other hooks than where packets come in and leave
        main = (hook in MAIN_HOOKS and station.table.family != "bridge") or station.table.tool is Tool.PF
        if not main or base is None or base.type is not ChainType.FILTER:
            return load.decider
        by_rule = isinstance(load.decider, Patchwork) or (load.decider is not None and load.decider[2] is not None)
        if ending.rule is None and by_rule:
            return load.decider
    if isinstance(ending.rule, Patchwork):
        return ending.rule
    return station.table, ending.chain, ending.rule
