"""The runner for all destinations at once.

One walk over the sorted bounds of the active rules' spans; between two bounds nothing changes, so one
address stands for all. The same interpreter as for a single packet runs once for each distinct list of
active rules, which makes the result exact by construction.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from typing import TYPE_CHECKING

from agent.judge.cuts import Axis
from agent.judge.packet import SWEPT, UNKNOWN, family_of, put
from agent.judge.plan import Plan, make_plan
from agent.model.firewall import Dnat, Field
from agent.model.intervals import Interval, Intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agent.judge.doubt import Doubt
    from agent.judge.hooks import Station
    from agent.judge.interpret import Ending
    from agent.judge.packet import Packet
    from agent.judge.path import Load
    from agent.judge.routing import Road, Routing
    from agent.judge.scalar import ScalarRunner
    from agent.model.firewall import Chain, Rule

Active = tuple[tuple[int, int], ...]
"""Number of the chain in its plan and of the rule in its chain, sorted."""


class SweepRunner:
    """Runs base chains for loads whose destination is SWEPT; other loads go to the scalar runner."""

    def __init__(self, routing: Routing, scalar: ScalarRunner) -> None:
        self._routing = routing
        self._scalar = scalar
        self._plans: dict[tuple[Chain, Packet], Plan] = {}
        self._road_maps: dict[Packet, tuple[list[int], list[tuple[Road, ...]]]] = {}

    def run(
        self, station: Station, load: Load, addresses: Intervals
    ) -> Iterable[tuple[Ending, tuple[Doubt, ...], Intervals]]:
        """Give the ends of one base chain, each with the destinations it holds for."""
        packet = load.packet
        if packet[Field.DADDR] != SWEPT:
            return self._scalar.run(station, load, addresses)
        plan = self._plan(station, packet)
        found: dict[tuple[Doubt, ...], dict[Ending, list[Interval]]] = {}
        for active, atoms in _groups(plan, addresses).items():
            somewhere = put(packet, Field.DADDR, atoms[0][0])
            endings, doubts = self._scalar.interpret(station, somewhere, _rules_of(plan, active))
            alike = found.setdefault(doubts, defaultdict(list))  # looked up once, not for every ending
            for ending in endings:
                alike[self._swept(ending, plan)].extend(atoms)
        return [
            (ending, doubts, Intervals.of(atoms)) for doubts, alike in found.items() for ending, atoms in alike.items()
        ]

    def _plan(self, station: Station, packet: Packet) -> Plan:
        key = (station.chain, packet)
        plan = self._plans.get(key)
        if plan is None:
            family = family_of(packet)
            axis = Axis(Field.DADDR, family, self._routing.bounds(family))
            evaluator = self._scalar.evaluator
            plan = self._plans[key] = make_plan(station.table, station.chain, packet, evaluator, axis)
        return plan

    def _swept(self, ending: Ending, plan: Plan) -> Ending:
        """The end with its mapping applied, for every destination of the atom and not just the one tried."""
        nat = ending.nat
        mapped = self._scalar.mapped(ending)
        if isinstance(nat, Dnat) and nat.netmap:
            return mapped._replace(packet=put(mapped.packet, Field.DADDR, UNKNOWN))
        if isinstance(nat, Dnat) and (nat.addresses or nat.redirect or nat.lookup):
            return mapped
        destination = UNKNOWN if plan.writes_destination else SWEPT
        return mapped._replace(packet=put(mapped.packet, Field.DADDR, destination))

    def roads(self, packet: Packet, addresses: Intervals) -> Iterable[tuple[Road, Intervals]]:
        """Give the ways that routing chooses, each with its destinations."""
        if packet[Field.DADDR] != SWEPT:
            return self._scalar.roads(packet, addresses)
        starts, choices = self._road_map(packet)
        found: dict[Road, list[Interval]] = defaultdict(list)
        for low, high in addresses:
            at = bisect_right(starts, low) - 1
            while at < len(starts) and starts[at] <= high:
                end = starts[at + 1] - 1 if at + 1 < len(starts) else high
                for road in choices[at]:
                    found[road].append((max(low, starts[at]), min(high, end)))
                at += 1
        return [(road, Intervals.of(pieces)) for road, pieces in found.items()]

    def _road_map(self, packet: Packet) -> tuple[list[int], list[tuple[Road, ...]]]:
        known = self._road_maps.get(packet)
        if known is None:
            starts = sorted({0, *self._routing.bounds(family_of(packet))})
            choices = [self._routing.roads(put(packet, Field.DADDR, start)) for start in starts]
            known = self._road_maps[packet] = (starts, choices)
        return known


def _groups(plan: Plan, addresses: Intervals) -> dict[tuple[Active, int], list[Interval]]:
    """Cut the addresses into atoms; group them by active rules and place among the cuts."""
    numbers = {chain: number for number, chain in enumerate(plan.always)}
    begins: dict[int, list[tuple[int, int]]] = defaultdict(list)
    ends: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for chain, at, span in plan.spans:
        rule = (numbers[chain], at)
        for low, high in span:
            begins[low].append(rule)
            ends[high + 1].append(rule)
    cuts = sorted(plan.cuts)
    active: list[tuple[int, int]] = []
    groups: dict[tuple[Active, int], list[Interval]] = defaultdict(list)
    points = sorted({*begins, *ends, *cuts})
    position = 0
    for low, high in addresses:
        while position < len(points) and points[position] <= low:
            _turn(active, points[position], begins, ends)
            position += 1
        start = low
        while start <= high:
            end = points[position] - 1 if position < len(points) else high
            groups[tuple(active), bisect_right(cuts, start)].append((start, min(end, high)))
            if end >= high:
                break
            _turn(active, points[position], begins, ends)
            position += 1
            start = end + 1
    return groups


def _turn(
    active: list[tuple[int, int]],
    point: int,
    begins: dict[int, list[tuple[int, int]]],
    ends: dict[int, list[tuple[int, int]]],
) -> None:
    """Bring the list of active rules over one bound."""
    for rule in ends.get(point, ()):
        del active[bisect_left(active, rule)]
    for rule in begins.get(point, ()):
        insort(active, rule)


def _rules_of(plan: Plan, key: tuple[Active, int]) -> Callable[[Chain], Sequence[Rule]]:
    """The rules of each chain that may match here, in order."""
    active, _ = key
    numbers = {chain: number for number, chain in enumerate(plan.always)}
    lists: dict[Chain, list[Rule]] = {}

    def rules(chain: Chain) -> Iterator[Rule]:
        number = numbers[chain]
        first = bisect_left(active, (number, -1))
        last = bisect_left(active, (number + 1, -1))
        for at in sorted((*plan.always[chain], *(at for _, at in active[first:last]))):
            rule = chain.rules[at]
            yield plan.blurred.get(rule, rule)

    def rules_of(chain: Chain) -> Sequence[Rule]:
        known = lists.get(chain)
        if known is None:
            known = lists[chain] = list(rules(chain))
        return known

    return rules_of
