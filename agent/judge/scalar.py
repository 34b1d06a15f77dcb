"""The runner for one packet with one destination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.judge.blocks import AllRules, End, Ending
from agent.judge.interpret import Interpreter
from agent.judge.nat import translate
from agent.judge.packet import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.judge.blocks import Rules
    from agent.judge.crossing import Load
    from agent.judge.doubt import Doubt
    from agent.judge.evaluate import Evaluator
    from agent.judge.hooks import Station
    from agent.judge.packet import Packet
    from agent.judge.routing import Road, Routing
    from agent.model.gateway import Gateway
    from agent.model.intervals import Intervals


def transparent_sockets(gateway: Gateway) -> frozenset[tuple[int, int]]:
    """Protocol and port of the sockets here that take packets for any address."""
    doors = (door for proxy in gateway.proxies for door in proxy.doors if door.transparent)
    return frozenset((PROTOCOLS[door.listener.proto], door.listener.port) for door in doors)


class ScalarRunner:
    """Runs base chains rule by rule; the addresses of a load just travel with it."""

    def __init__(self, routing: Routing, transparent: frozenset[tuple[int, int]] = frozenset()) -> None:
        self._routing = routing
        self.interpreter = Interpreter(routing.ask, transparent)

    def run(
        self, station: Station, load: Load, addresses: Intervals
    ) -> Iterable[tuple[Ending, tuple[Doubt, ...], Intervals]]:
        """Give the ends of one base chain."""
        endings, doubts = self.interpret(station, load.packet, AllRules())
        return [(self.mapped(ending), doubts, addresses) for ending in endings]

    @property
    def evaluator(self) -> Evaluator:
        """What evaluates conditions."""
        return self.interpreter.evaluator

    def interpret(self, station: Station, packet: Packet, rules: Rules) -> tuple[list[Ending], tuple[Doubt, ...]]:
        """Interpret one base chain for one packet; mappings are chosen, but not applied."""
        return self.interpreter.run(station.table, station.chain, packet, rules)

    def mapped(self, ending: Ending) -> Ending:
        """Apply the mapping that the chain chose."""
        if ending.nat is None:
            return ending
        packet = translate(ending.packet, ending.nat, self._routing, self.evaluator)
        if packet is None:
            return self.interpreter.ending(End.DROP, ending.packet, ending.chain, ending.rule)
        return self.interpreter.ending(ending.end, packet, ending.chain, ending.rule)

    def reverse_paths(self, packet: Packet, addresses: Intervals) -> Iterable[tuple[bool | None, Intervals]]:
        """Say whether the reverse path filter drops an incoming packet."""
        return [(self._routing.reverse_path_fails(packet), addresses)]

    def roads(self, packet: Packet, addresses: Intervals) -> Iterable[tuple[Road, Intervals]]:
        """Give the ways that routing chooses."""
        return [(road, addresses) for road in self._routing.roads(packet)]
