"""The way of packets through a gateway: hooks, connection tracking, NAT, routing, hooks.

What travels is a *load*: one packet and the set of destination addresses it stands for. ``trace`` sends one
address, ``reach`` a whole address space; how a base chain treats a load is the runner's business.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from agent.judge.doubt import NO_INTERFACES, NO_ROUTES, REVERSE_PATH, Doubt
from agent.judge.hooks import Station, bridge_stations, stations
from agent.judge.interpret import End, Ending
from agent.judge.packet import (
    DNATTED,
    FOLLOWED,
    ICMP,
    ICMPV6,
    REDIRECTED,
    REPLY,
    REROUTE,
    SNATTED,
    TRACKED,
    UNKNOWN,
    Packet,
    family_of,
    followed,
    put,
)
from agent.judge.patchwork import Patchwork
from agent.judge.replies import Connection, answer_to, untranslated
from agent.judge.routing import LOOPBACK, Road, Routing, Way
from agent.model.firewall import (
    ChainType,
    Concat,
    CtState,
    Decider,
    Expr,
    Field,
    Hook,
    IntervalTable,
    Match,
    NamedSet,
    Read,
    Tool,
)
from agent.model.intervals import Intervals, address_text, name_text, name_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.judge.ledger import Ledger
    from agent.model.firewall import Firewall
    from agent.model.gateway import Gateway

MAIN_HOOKS = (Hook.FORWARD, Hook.INPUT, Hook.OUTPUT)
HERE = ""
"""The way back to this host's own programs."""
ELSEWHERE = "gateproof-other"
"""Stands for every interface that no rule names, where the way out is not known."""


class Load(NamedTuple):
    """A packet on its way: what decided last, and what left it open so far."""

    packet: Packet
    decider: Decider | Patchwork | None = None
    doubts: tuple[Doubt, ...] = ()


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
    def elsewhere(self) -> str:
        """Where NAT sent the packet instead of its own destination; empty where it did not."""
        packet = self.load.packet
        if not packet[DNATTED] or self.end is not End.ACCEPT:
            return ""
        port = f" port {packet[Field.DPORT]}" if packet[Field.DPORT] >= 0 else ""
        if self.delivered:
            return f"this host{port}"
        if packet[Field.DADDR] < 0:
            return f"another address{port}" if packet[Field.DADDR] == UNKNOWN else f"its own address{port}"
        return f"{address_text(packet[Field.DADDR], family_of(packet))}{port}"


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


class Path:
    """Walks loads through one gateway."""

    def __init__(self, gateway: Gateway, routing: Routing, runner: Runner) -> None:
        self._firewall = gateway.firewall
        self._routing = routing
        self._runner = runner
        self._outcomes: list[Outcome] = []
        self._stations: dict[tuple[Hook, int, str], tuple[Station, ...]] = {}
        self._connection: Connection | None = None

    @cached_property
    def _devices_out(self) -> tuple[int, ...]:
        return _devices_out(self._firewall)

    def _stations_at(self, hook: Hook, family: int, device: str) -> tuple[Station, ...]:
        key = (hook, family, device)
        known = self._stations.get(key)
        if known is None:
            known = self._stations[key] = stations(self._firewall, family, hook, device)
        return known

    def walk(self, packet: Packet, addresses: Intervals, out_iface: str | None = None) -> list[Outcome]:
        """Give all possible outcomes for a packet that enters by its IIFNAME, or starts here without one.

        ``out_iface`` overrides routing for packets whose destination no rule changes.
        """
        self._outcomes = []
        start: Frontier = {Load(packet): addresses}
        if packet[Field.IIFNAME]:
            self._incoming(start, out_iface)
        else:
            self._outgoing(start, out_iface)
        return self._outcomes

    def replies(self, start: Packet, passed: Iterable[Outcome], ledger: Ledger, way_back: str | None) -> list[Outcome]:
        """Give the outcomes of the answers to packets that began as ``start`` and passed.

        ``way_back`` names the interface of the clients where no routing table knows it, or is HERE. Packets for
        this host itself are left out: its own programs answer them.
        """
        left: dict[Packet, list[Intervals]] = defaultdict(list)
        for outcome in passed:
            if outcome.end is End.ACCEPT and not outcome.delivered:
                left[outcome.load.packet].append(outcome.addresses)
        answers: dict[tuple[Packet, Connection | None], list[Intervals]] = defaultdict(list)
        for packet, some in left.items():
            answers[answer_to(start, packet, ledger)] += some
        self._outcomes = []
        for (packet, connection), some in answers.items():
            self._connection = connection
            self._incoming({Load(packet): Intervals.union(some)}, way_back)
        self._connection = None
        return self._outcomes

    def _incoming(self, frontier: Frontier, out_iface: str | None) -> None:
        family, device = _family_and_device(frontier, Field.IIFNAME)
        frontier = self._bridged((Hook.PREROUTING, Hook.INPUT), frontier, family, Field.IIFNAME)
        frontier = self._cross(Hook.INGRESS, frontier, family, device)
        frontier = self._cross(Hook.PREROUTING, frontier, family)
        for load, addresses in frontier.items():
            for road, some, doubts in self._route_in(load, addresses, out_iface):
                self._take(road, load._replace(doubts=_joined(load.doubts, doubts)), some, family)

    def _take(self, road: Road, load: Load, addresses: Intervals, family: int) -> None:
        """Follow one road from the routing decision on."""
        if road.way is Way.LOCAL:
            for arrived, some in self._cross(Hook.INPUT, {load: addresses}, family).items():
                self._outcome(End.ACCEPT, arrived, some, delivered=True)
        elif road.way is Way.FORWARD:
            device = name_text(load.packet[Field.IIFNAME])
            if not self._routing.forwards(family, device):
                self._outcome(End.DROP, load, addresses, "route", f"forwarding is off for IPv{family} on {device}")
                return
            leaving = load._replace(packet=put(load.packet, Field.OIFNAME, road.device))
            self._leave(self._cross(Hook.FORWARD, {leaving: addresses}, family), family)
        else:
            end = End.DROP if road.way is Way.DISCARD else End.REJECT
            self._outcome(end, load, addresses, "route", road.because)

    def _leave(self, frontier: Frontier, family: int) -> None:
        by_device: dict[int, Frontier] = defaultdict(dict)
        for load, addresses in self._cross(Hook.POSTROUTING, frontier, family).items():
            by_device[load.packet[Field.OIFNAME]][load] = addresses
        for device, leaving in by_device.items():
            gone = self._cross(Hook.EGRESS, leaving, family, name_text(device))
            for load, some in self._bridged((Hook.OUTPUT, Hook.POSTROUTING), gone, family, Field.OIFNAME).items():
                self._outcome(End.ACCEPT, load, some)

    def _outgoing(self, frontier: Frontier, out_iface: str | None) -> None:
        """Packets of this host: routed first, and again when output chains changed what routing looks at."""
        family, _ = _family_and_device(frontier, Field.OIFNAME)
        for load, addresses in list(frontier.items()):
            for road, some, doubts in self._route_out(load, addresses, out_iface):
                if road.way in (Way.DISCARD, Way.REFUSE):
                    # a local program gets an error code instead of an answer from the network
                    self._outcome(End.REJECT, load, some, "route", road.because)
                    continue
                device = LOOPBACK if road.way is Way.LOCAL else road.device
                sent = _sent(load, device, doubts)
                self._after_output(self._cross(Hook.OUTPUT, {sent: some}, family), out_iface, family)

    def _after_output(self, frontier: Frontier, out_iface: str | None, family: int) -> None:
        for load, addresses in frontier.items():
            roads: Iterable[tuple[Road, Intervals, tuple[Doubt, ...]]]
            if not load.packet[REROUTE]:
                device = load.packet[Field.OIFNAME]
                way = Way.LOCAL if device == LOOPBACK else Way.FORWARD
                roads = [(Road(way, device), addresses, ())]
            else:
                again = load.packet[REROUTE]
                mark = again if again == UNKNOWN else again - 1
                then = load._replace(packet=put(load.packet, Field.MARK, mark))
                roads = self._route_out(then, addresses, out_iface)
            for road, some, doubts in roads:
                if road.way in (Way.DISCARD, Way.REFUSE):
                    self._outcome(End.REJECT, load, some, "route", road.because)
                    continue
                device = LOOPBACK if road.way is Way.LOCAL else road.device
                sent = _sent(load, device, doubts)
                if road.way is Way.FORWARD:
                    self._leave({sent: some}, family)
                else:
                    self._loop_back(sent, some, family)

    def _loop_back(self, load: Load, addresses: Intervals, family: int) -> None:
        """A packet to the host itself leaves by ``lo`` and comes in there again."""
        for left, some in self._cross(Hook.POSTROUTING, {load: addresses}, family).items():
            inside = put(put(left.packet, Field.IIFNAME, LOOPBACK), Field.OIFNAME, 0)
            # its mappings were chosen at output and postrouting, if only to change nothing
            arrived = self._cross(Hook.PREROUTING, {left._replace(packet=inside): some}, family, nat=False)
            for here, rest in self._cross(Hook.INPUT, arrived, family, nat=False).items():
                self._outcome(End.ACCEPT, here, rest, delivered=True)

    # ---- routing ----

    def _route_in(
        self, load: Load, addresses: Intervals, out_iface: str | None
    ) -> Iterator[tuple[Road, Intervals, tuple[Doubt, ...]]]:
        packet = load.packet
        if out_iface is not None and (packet[REPLY] or not packet[DNATTED]):
            if out_iface == HERE:
                yield Road(Way.LOCAL), addresses, ()
            else:
                yield Road(Way.FORWARD, UNKNOWN if out_iface == "any" else name_value(out_iface)), addresses, ()
            return
        if not self._routing.network.known:
            yield from self._roads_anywhere(packet, addresses)
            return
        for fails, some in self._runner.reverse_paths(packet, addresses):
            if fails is not False:
                device = name_text(packet[Field.IIFNAME])
                note = f"rp_filter on {device}: the way back to the source is another interface"
                yield Road(Way.DISCARD, 0, note), some, (REVERSE_PATH,) if fails is None else ()
            if not fails:
                for road, rest in self._runner.roads(packet, some):
                    yield road, rest, ()

    def _route_out(
        self, load: Load, addresses: Intervals, out_iface: str | None
    ) -> Iterator[tuple[Road, Intervals, tuple[Doubt, ...]]]:
        packet = load.packet
        if out_iface is not None and not packet[DNATTED]:
            way = Way.LOCAL if out_iface == "lo" else Way.FORWARD
            yield Road(way, name_value(out_iface)), addresses, ()
        elif self._routing.network.known:
            for road, some in self._runner.roads(packet, addresses):
                yield road, some, ()
        else:
            yield from self._roads_anywhere(packet, addresses)

    def _roads_anywhere(
        self, packet: Packet, addresses: Intervals
    ) -> Iterator[tuple[Road, Intervals, tuple[Doubt, ...]]]:
        """Every road there may be, where no routing table is known."""
        if packet[REDIRECTED]:
            yield Road(Way.LOCAL), addresses, ()
            return
        yield Road(Way.LOCAL), addresses, (NO_ROUTES,)
        for device in self._devices_out:
            yield Road(Way.FORWARD, device), addresses, (NO_ROUTES,)

    # ---- hooks ----

    def _cross(self, hook: Hook, frontier: Frontier, family: int, device: str = "", *, nat: bool = True) -> Frontier:
        """Run all base chains of a hook; drops and rejects become outcomes, the rest goes on."""
        frontier = self._run(self._stations_at(hook, family, device), hook, frontier, nat=nat)
        if hook not in (Hook.PREROUTING, Hook.OUTPUT) and self._connection is None:
            return frontier
        done: Frontier = {}
        for load, addresses in frontier.items():
            _add(done, load._replace(packet=self._leaving(load.packet, hook)), addresses)
        return done

    def _bridged(self, hooks: tuple[Hook, ...], frontier: Frontier, family: int, field: Field) -> Frontier:
        """Run the chains of a bridge that the packet comes by, or leaves by: they see its port.

        Before the ports' own ingress and behind their egress chains nothing is known of bridges.
        """
        chains = [(hook, bridge_stations(self._firewall, family, hook)) for hook in hooks]
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
            doubts = load.doubts if ports is not None else _joined(load.doubts, (NO_INTERFACES,))
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
                joined = load.doubts
                for ending, doubts, part in self._runner.run(station, entering, addresses):
                    if doubts is not latest:
                        latest, joined = doubts, _joined(load.doubts, doubts)
                    left = Load(
                        _marked_for_routing(station, hook, entering.packet, ending.packet),
                        _decider(station, hook, load, ending),
                        joined,
                    )
                    if ending.end is End.ACCEPT:
                        _add(onward, left, part)
                    else:
                        self._outcome(ending.end, left, part)
            frontier = onward
        return frontier

    def _entering(self, packet: Packet, station: Station, hook: Hook) -> Packet:
        """The packet as a base chain meets it: before or after connection tracking, and NAT of a known connection."""
        if station.tracked:
            packet = self._followed(packet)
        return untranslated(packet, hook, self._connection) if station.translated and self._connection else packet

    def _leaving(self, packet: Packet, hook: Hook) -> Packet:
        """The packet behind a hook: connection tracking and NAT run even where no chain follows them."""
        if hook in (Hook.PREROUTING, Hook.OUTPUT):
            packet = self._followed(packet)
        return untranslated(packet, hook, self._connection) if self._connection else packet

    def _followed(self, packet: Packet) -> Packet:
        after = followed(packet)
        if self._connection is None or after is packet or after[TRACKED] != FOLLOWED:
            return after
        return put(put(after, Field.CT_STATUS, self._connection.status), Field.CT_MARK, self._connection.mark)

    def _outcome(  # noqa: PLR0913 - the fields of Outcome
        self,
        end: End,
        load: Load,
        addresses: Intervals,
        stage: str = "firewall",
        note: str = "",
        *,
        delivered: bool = False,
    ) -> None:
        self._outcomes.append(Outcome(end, load, addresses, stage, note, delivered))


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


def _family_and_device(frontier: Frontier, field: Field) -> tuple[int, str]:
    packet = next(iter(frontier)).packet
    return family_of(packet), name_text(packet[field])


def _sent(load: Load, device: int, doubts: tuple[Doubt, ...]) -> Load:
    return Load(put(load.packet, Field.OIFNAME, device), load.decider, _joined(load.doubts, doubts))


def _joined(some: tuple[Doubt, ...], more: tuple[Doubt, ...]) -> tuple[Doubt, ...]:
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


def _devices_out(firewall: Firewall) -> tuple[int, ...]:
    """All ways out that rules can tell apart: each interface that one names, and one that none names."""
    values = {name_value(ELSEWHERE)}
    for table in firewall.tables:
        for chain in table.chains.values():
            for rule in chain.rules:
                values.update(*(_named(step.expr, step.members) for step in rule.steps if isinstance(step, Match)))
    return tuple(sorted(values))


def _named(expr: Expr, members: Intervals | NamedSet) -> tuple[int, ...]:
    if expr == Read(Field.OIFNAME):
        if isinstance(members, Intervals):
            return members.starts
        if isinstance(members.elements, IntervalTable):
            return members.elements.keys.starts
    if isinstance(expr, Concat) and Read(Field.OIFNAME) in expr.parts:
        return (UNKNOWN,)
    return ()
