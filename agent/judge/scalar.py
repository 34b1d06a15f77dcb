"""The runner for one packet with one destination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.judge.interpret import End, Ending, Interpreter
from agent.judge.nat import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.judge.doubt import Doubt
    from agent.judge.evaluate import Evaluator
    from agent.judge.hooks import Station
    from agent.judge.packet import Packet
    from agent.judge.path import Load
    from agent.judge.routing import Road, Routing
    from agent.model.firewall import Chain, Rule
    from agent.model.intervals import Intervals


def all_rules(chain: Chain) -> Sequence[Rule]:
    """Every rule of a chain."""
    return chain.rules


class ScalarRunner:
    """Runs base chains rule by rule; the addresses of a load just travel with it."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._interpreter = Interpreter(routing.fib)

    def run(
        self, station: Station, load: Load, addresses: Intervals
    ) -> Iterable[tuple[Ending, tuple[Doubt, ...], Intervals]]:
        """Give the ends of one base chain."""
        endings, doubts = self.interpret(station, load.packet, all_rules)
        return [(self.mapped(ending), doubts, addresses) for ending in endings]

    @property
    def evaluator(self) -> Evaluator:
        """What evaluates conditions."""
        return self._interpreter.evaluator

    def interpret(
        self, station: Station, packet: Packet, rules_of: Callable[[Chain], Sequence[Rule]]
    ) -> tuple[list[Ending], tuple[Doubt, ...]]:
        """Interpret one base chain for one packet; mappings are chosen, but not applied."""
        return self._interpreter.run(station.table, station.chain, packet, rules_of)

    def mapped(self, ending: Ending) -> Ending:
        """Apply the mapping that the chain chose."""
        if ending.nat is None:
            return ending
        packet = translate(ending.packet, ending.nat, self._routing, self.evaluator)
        if packet is None:
            return ending._replace(end=End.DROP, nat=None)
        return ending._replace(packet=packet, nat=None)

    def roads(self, packet: Packet, addresses: Intervals) -> Iterable[tuple[Road, Intervals]]:
        """Give the ways that routing chooses."""
        return [(road, addresses) for road in self._routing.roads(packet)]
