"""The way of packets through a gateway: hooks, connection tracking, NAT, routing, hooks.

What travels is a *load*: one packet and the set of destination addresses it stands for. ``trace`` sends one
address, ``reach`` a whole address space; how a base chain treats a load is the runner's business.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from agent.judge.blocks import End
from agent.judge.crossing import Crossing, Frontier, Load, Outcome, joined
from agent.judge.doubt import NO_ROUTES, REVERSE_PATH, Doubt
from agent.judge.packet import (
    DNATTED,
    REDIRECTED,
    REPLY,
    REROUTE,
    TPROXIED,
    UNKNOWN,
    Packet,
    family_of,
    put,
)
from agent.judge.replies import Connection, answer_to
from agent.judge.routing import LOOPBACK, Road, Routing, Way
from agent.model.expression import Concat, Expr, Field, IntervalTable, NamedSet, Read
from agent.model.firewall import Hook, Match
from agent.model.intervals import Intervals, name_text, name_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.judge.crossing import Runner
    from agent.judge.ledger import Ledger
    from agent.model.firewall import Firewall
    from agent.model.gateway import Gateway

HERE = ""
"""The way back to this host's own programs."""
ELSEWHERE = "gateproof-other"
"""Stands for every interface that no rule names, where the way out is not known."""


class Path:
    """Walks loads through one gateway."""

    def __init__(self, gateway: Gateway, routing: Routing, runner: Runner) -> None:
        self._firewall = gateway.firewall
        self._routing = routing
        self._runner = runner
        self._hooks = Crossing(gateway.firewall, routing, runner)

    @cached_property
    def _devices_out(self) -> tuple[int, ...]:
        return _devices_out(self._firewall)

    def walk(self, packet: Packet, addresses: Intervals, out_iface: str | None = None) -> list[Outcome]:
        """Give all possible outcomes for a packet that enters by its IIFNAME, or starts here without one.

        ``out_iface`` overrides routing for packets whose destination no rule changes.
        """
        self._hooks.outcomes = []
        start: Frontier = {Load(packet): addresses}
        if packet[Field.IIFNAME]:
            self._incoming(start, out_iface)
        else:
            self._outgoing(start, out_iface)
        return self._hooks.outcomes

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
        self._hooks.outcomes = []
        for (packet, connection), some in answers.items():
            self._hooks.connection = connection
            self._incoming({Load(packet): Intervals.union(some)}, way_back)
        self._hooks.connection = None
        return self._hooks.outcomes

    def _incoming(self, frontier: Frontier, out_iface: str | None) -> None:
        family, device = _family_and_device(frontier, Field.IIFNAME)
        frontier = self._hooks.bridged((Hook.PREROUTING, Hook.INPUT), frontier, family, Field.IIFNAME)
        frontier = self._hooks.cross(Hook.INGRESS, frontier, family, device)
        frontier = self._hooks.cross(Hook.PREROUTING, frontier, family)
        for load, addresses in frontier.items():
            for road, some, doubts in self._route_in(load, addresses, out_iface):
                self._take(road, load._replace(doubts=joined(load.doubts, doubts)), some, family)

    def _take(self, road: Road, load: Load, addresses: Intervals, family: int) -> None:
        """Follow one road from the routing decision on."""
        if road.way is Way.LOCAL:
            for arrived, some in self._hooks.cross(Hook.INPUT, {load: addresses}, family).items():
                self._hooks.outcome(End.ACCEPT, arrived, some, delivered=True)
        elif road.way is Way.FORWARD and load.packet[TPROXIED]:
            # ip_forward() drops what already belongs to a socket
            note = "TPROXY gives it to a socket here, but routing sends it on"
            self._hooks.outcome(End.DROP, load, addresses, "route", note)
        elif road.way is Way.FORWARD:
            device = name_text(load.packet[Field.IIFNAME])
            if not self._routing.forwards(family, device):
                self._hooks.outcome(
                    End.DROP, load, addresses, "route", f"forwarding is off for IPv{family} on {device}"
                )
                return
            leaving = load._replace(packet=put(load.packet, Field.OIFNAME, road.device))
            self._leave(self._hooks.cross(Hook.FORWARD, {leaving: addresses}, family), family)
        else:
            end = End.DROP if road.way is Way.DISCARD else End.REJECT
            self._hooks.outcome(end, load, addresses, "route", road.because)

    def _leave(self, frontier: Frontier, family: int) -> None:
        by_device: dict[int, Frontier] = defaultdict(dict)
        for load, addresses in self._hooks.cross(Hook.POSTROUTING, frontier, family).items():
            by_device[load.packet[Field.OIFNAME]][load] = addresses
        for device, leaving in by_device.items():
            gone = self._hooks.cross(Hook.EGRESS, leaving, family, name_text(device))
            for load, some in self._hooks.bridged((Hook.OUTPUT, Hook.POSTROUTING), gone, family, Field.OIFNAME).items():
                self._hooks.outcome(End.ACCEPT, load, some)

    def _outgoing(self, frontier: Frontier, out_iface: str | None) -> None:
        """Packets of this host: routed first, and again when output chains changed what routing looks at."""
        family, _ = _family_and_device(frontier, Field.OIFNAME)
        for load, addresses in list(frontier.items()):
            for road, some, doubts in self._route_out(load, addresses, out_iface):
                if road.way in (Way.DISCARD, Way.REFUSE):
                    # a local program gets an error code instead of an answer from the network
                    self._hooks.outcome(End.REJECT, load, some, "route", road.because)
                    continue
                device = LOOPBACK if road.way is Way.LOCAL else road.device
                sent = _sent(load, device, doubts)
                self._after_output(self._hooks.cross(Hook.OUTPUT, {sent: some}, family), out_iface, family)

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
                    self._hooks.outcome(End.REJECT, load, some, "route", road.because)
                    continue
                device = LOOPBACK if road.way is Way.LOCAL else road.device
                sent = _sent(load, device, doubts)
                if road.way is Way.FORWARD:
                    self._leave({sent: some}, family)
                else:
                    self._loop_back(sent, some, family)

    def _loop_back(self, load: Load, addresses: Intervals, family: int) -> None:
        """A packet to the host itself leaves by ``lo`` and comes in there again."""
        for left, some in self._hooks.cross(Hook.POSTROUTING, {load: addresses}, family).items():
            inside = put(put(left.packet, Field.IIFNAME, LOOPBACK), Field.OIFNAME, 0)
            # its mappings were chosen at output and postrouting, if only to change nothing
            arrived = self._hooks.cross(Hook.PREROUTING, {left._replace(packet=inside): some}, family, nat=False)
            for here, rest in self._hooks.cross(Hook.INPUT, arrived, family, nat=False).items():
                self._hooks.outcome(End.ACCEPT, here, rest, delivered=True)

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


def _family_and_device(frontier: Frontier, field: Field) -> tuple[int, str]:
    packet = next(iter(frontier)).packet
    return family_of(packet), name_text(packet[field])


def _sent(load: Load, device: int, doubts: tuple[Doubt, ...]) -> Load:
    return Load(put(load.packet, Field.OIFNAME, device), load.decider, joined(load.doubts, doubts))


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
