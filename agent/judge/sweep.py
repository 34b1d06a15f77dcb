"""The runner for all destinations at once.

Between two bounds of the active rules' spans nothing changes, so one address stands for all. Where certain
rules do not settle it (atoms.py), the same interpreter as for a single packet runs once for each distinct list
of active rules, which makes the result exact by construction.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from agent.judge.atoms import Atoms, cut
from agent.judge.blocks import Block, End, Ending
from agent.judge.calls import BLOCK_BITS, Written, calls_of
from agent.judge.cuts import Axis
from agent.judge.interpret import policy_of
from agent.judge.packet import SWEPT, UNKNOWN, family_of, put
from agent.judge.patchwork import PLACE_BITS, Patchwork, Pieces
from agent.judge.plan import Plan, Planner
from agent.model.expression import Field
from agent.model.firewall import Dnat
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.judge.blocks import Summary
    from agent.judge.calls import Calls
    from agent.judge.crossing import Load
    from agent.judge.doubt import Doubt
    from agent.judge.hooks import Station
    from agent.judge.packet import Packet
    from agent.judge.plan import Active
    from agent.judge.routing import Road, Routing
    from agent.judge.scalar import ScalarRunner
    from agent.model.expression import NamedSet
    from agent.model.firewall import Chain


FEW: Final = 1000
Part = tuple["Ending", tuple["Doubt", ...], Intervals]
"""One end, what leaves it open, and the addresses it holds for."""


class SweepRunner:
    """Runs base chains for loads whose destination is SWEPT; other loads go to the scalar runner."""

    def __init__(self, routing: Routing, scalar: ScalarRunner) -> None:
        self._routing = routing
        self._scalar = scalar
        self._planners: dict[tuple[Chain, Field, int, frozenset[NamedSet]], Planner] = {}
        self._reached: dict[Chain, tuple[Calls, Written]] = {}
        self._road_maps: dict[Packet, list[tuple[Intervals, tuple[Road, ...]]]] = {}

    def run(self, station: Station, load: Load, addresses: Intervals) -> Iterable[Part]:
        """Give the ends of one base chain, each with the destinations it holds for."""
        packet = load.packet
        field = _swept(packet)
        if field is None:
            return self._scalar.run(station, load, addresses)
        plan = self._plan(station, packet, field)
        atoms = _known_atoms(plan, addresses)
        return [*self._settled(station, packet, plan, atoms), *self._open(station, packet, plan, atoms)]

    def _settled(self, station: Station, packet: Packet, plan: Plan, atoms: Atoms) -> Iterator[Part]:
        """One end for all addresses that certain rules end alike, and one for those that are left to the policy."""
        chain = station.chain
        for end, pieces in atoms.settled.items():
            some = pieces.addresses()
            if end is None:
                yield self._scalar.interpreter.ending(policy_of(chain), packet, chain, None), (), some
                continue
            yield Ending(end, packet, chain, Patchwork(some, pieces, plan.rules.roll)), (), some

    def _open(self, station: Station, packet: Packet, plan: Plan, atoms: Atoms) -> Iterator[Part]:
        """What the interpreter makes of the other addresses."""
        found: dict[tuple[Doubt, ...], dict[tuple[Ending, ...], Pieces]] = {}
        tails: dict[tuple[Doubt, ...], dict[tuple[End, Packet], list[tuple[int, int, int]]]] = {}
        for (active, _, passed, how), pieces in atoms.open.items():
            here, last = pieces.starts[0], pieces.places[0]
            with_last = active if how is None or last == plan.last else tuple(sorted((*active, last)))
            rules = _Atom(self, plan, with_last, passed, here)
            endings, doubts = self._scalar.interpret(station, put(packet, plan.swept, here), rules)
            last_rule = None if how is None else plan.rules.roll.decider(last)[2]
            sooner: list[Ending] = []
            fallen: list[Ending] = []
            for ending in endings:
                if how is not None and ending.rule is last_rule:
                    tail = tails.setdefault(doubts, defaultdict(list))[how, ending.packet]
                    tail += zip(pieces.starts, pieces.ends, pieces.places, strict=True)
                elif ending.rule:
                    sooner.append(ending)
                else:
                    fallen.append(self.mapped(ending, plan))
            alike = found.setdefault(doubts, defaultdict(Pieces))
            for some in (tuple(sooner), tuple(fallen)):
                if some:
                    alike[some].starts += pieces.starts
                    alike[some].ends += pieces.ends
        for doubts, alike in found.items():
            parts: dict[Ending, list[Intervals]] = defaultdict(list)
            for some, pieces in alike.items():  # what wide rules leave open is whole again, where narrow ones cut it
                addresses = Intervals.of_bounds(sorted(pieces.starts), sorted(pieces.ends))
                for ending in some:
                    parts[ending].append(addresses)
            for ending, several in parts.items():
                yield ending, doubts, Intervals.union(several)
        for doubts, ends in tails.items():
            for (how, after), rows in ends.items():
                starts, stops, places = map(list, zip(*sorted(rows), strict=True))
                pieces = Pieces(starts, stops, places)
                addresses = pieces.addresses()
                patchwork = Patchwork(addresses, pieces, plan.rules.roll)
                yield Ending(how, after, station.chain, patchwork), doubts, addresses

    def _plan(self, station: Station, packet: Packet, field: Field) -> Plan:
        family, interpreter = family_of(packet), self._scalar.interpreter
        key = (station.chain, field, family, interpreter.ledger.changed(packet))
        planner = self._planners.get(key)
        if planner is None:
            axis = Axis(field, family, self._routing.bounds(family))
            calls, written = self._below(station)
            planner = Planner(station.table, calls, written.after(key[3]), interpreter.evaluator, axis)
            self._planners[key] = planner
        return planner.plan(packet)

    def _below(self, station: Station) -> tuple[Calls, Written]:
        """The chains that a base chain can reach, and what their rules write."""
        known = self._reached.get(station.chain)
        if known is None:
            calls = calls_of(station.table, station.chain)
            written = Written.of(rule for chain in calls for rule in chain.rules)
            known = self._reached[station.chain] = calls, written
        return known

    def swept(self, packet: Packet, field: Field) -> Packet:
        """Give a packet that stands for every address of its atom."""
        return self._scalar.interpreter.ledger.swept(put(packet, field, SWEPT), field)

    def mapped(self, ending: Ending, plan: Plan) -> Ending:
        """Give the end with its mapping applied, for every destination of the atom and not just the one tried."""
        nat = ending.nat
        mapped = self._scalar.mapped(ending)
        packet = self._scalar.interpreter.ledger.swept(mapped.packet, plan.swept)
        if isinstance(nat, Dnat) and nat.netmap:
            if not plan.single(ending.packet[plan.swept]):
                packet = put(packet, plan.swept, UNKNOWN)
        elif not (isinstance(nat, Dnat) and (nat.addresses or nat.redirect or nat.lookup)):
            packet = put(packet, plan.swept, UNKNOWN if plan.writes_swept else SWEPT)
        return self._scalar.interpreter.ending(mapped.end, packet, mapped.chain, mapped.rule)

    def roads(self, packet: Packet, addresses: Intervals) -> Iterable[tuple[Road, Intervals]]:
        """Give the ways that routing chooses, each with its destinations."""
        if packet[Field.DADDR] != SWEPT:
            return self._scalar.roads(packet, addresses)
        found: dict[Road, list[Intervals]] = defaultdict(list)
        for piece, choices in self._road_map(packet):
            some = addresses & piece
            if some:
                for road in choices:
                    found[road].append(some)
        return [(road, Intervals.union(pieces)) for road, pieces in found.items()]

    def reverse_paths(self, packet: Packet, addresses: Intervals) -> Iterable[tuple[bool | None, Intervals]]:
        """Say for which sources the reverse path filter drops an incoming packet."""
        if packet[Field.SADDR] != SWEPT:
            return self._scalar.reverse_paths(packet, addresses)
        found: dict[bool | None, list[Intervals]] = defaultdict(list)
        for piece in self._routing_pieces(family_of(packet)):
            some = addresses & piece
            if some:
                fails = self._routing.reverse_path_fails(put(packet, Field.SADDR, piece.starts[0]))
                found[fails].append(some)
        return [(fails, Intervals.union(pieces)) for fails, pieces in found.items()]

    def _routing_pieces(self, family: int) -> list[Intervals]:
        """Stretches of addresses that routing does not tell apart."""
        starts = sorted({0, *self._routing.bounds(family)})
        ends = (*(start - 1 for start in starts[1:]), (1 << (32 if family == 4 else 128)) - 1)
        return [Intervals.span(start, end) for start, end in zip(starts, ends, strict=True)]

    def _road_map(self, packet: Packet) -> list[tuple[Intervals, tuple[Road, ...]]]:
        known = self._road_maps.get(packet)
        if known is None:
            roads: dict[tuple[Road, ...], list[Intervals]] = defaultdict(list)
            for piece in self._routing_pieces(family_of(packet)):
                choices = self._routing.roads(put(packet, Field.DADDR, piece.starts[0]))
                roads[choices].append(piece)
            known = self._road_maps[packet] = [(Intervals.union(pieces), choices) for choices, pieces in roads.items()]
        return known


def _swept(packet: Packet) -> Field | None:
    return next((field for field in (Field.DADDR, Field.SADDR) if packet[field] == SWEPT), None)


def _known_atoms(plan: Plan, addresses: Intervals) -> Atoms:
    """The atoms, kept for address sets that are asked about again: few intervals, such as the public space."""
    if len(addresses.starts) > FEW:
        return cut(plan, addresses)
    known = plan.atoms.get(addresses)
    if known is None:
        known = plan.atoms[addresses] = cut(plan, addresses)
    return known


class _Atom:
    """The rules that may match for some destinations which no rule tells apart; ``here`` is one of them.

    What a block of rules makes of a packet is noted in the plan: as long as its active rules are the same, the
    same comes out for other destinations, but for the destination itself.
    """

    def __init__(self, runner: SweepRunner, plan: Plan, active: Active, cut: int, here: int) -> None:
        self._runner = runner
        self._plan = plan
        self._active = active
        self._cut = cut
        self._here = here
        self._blocks: dict[Chain, tuple[Block, ...]] = {}

    def blocks(self, chain: Chain) -> Sequence[Block]:
        """Give the rules of a chain that may match here, in order."""
        known = self._blocks.get(chain)
        if known is None:
            known = self._blocks[chain] = tuple(self._cut_in_blocks(chain))
        return known

    def _cut_in_blocks(self, chain: Chain) -> Iterator[Block]:
        layout = self._plan.layouts[chain]
        offset = layout.number << PLACE_BITS
        first = bisect_left(self._active, offset)
        last = bisect_left(self._active, layout.number + 1 << PLACE_BITS)
        mine: dict[int, list[int]] = {}
        for place in self._active[first:last]:
            mine.setdefault(place - offset >> BLOCK_BITS, []).append(place - offset)
        for number in sorted({*layout.always, *mine}):
            active = tuple(mine.get(number, ()))
            called = layout.calls.get(number)
            below = tuple(one for one in self._active if one >> PLACE_BITS in called) if called else ()
            key = (layout.number, number, self._cut, active, below)
            block = self._plan.blocks.get(key)
            if block is None:
                rules = [chain.rules[at] for at in sorted((*layout.always.get(number, ()), *active))]
                block = Block(chain, [self._plan.blurred.get(rule, rule) for rule in rules], key)
                self._plan.blocks[key] = block
            yield block

    def known(self, block: Block, packet: Packet) -> Summary | None:
        """Give what was noted, with this atom's destination."""
        if self._plan.writes_swept:
            return None
        noted = self._plan.summaries.get((block.key, put(packet, self._plan.swept, SWEPT)))
        return None if noted is None else self._at_here(noted)

    def note(self, block: Block, packet: Packet, summary: Summary) -> Summary:
        """Let the ends stand for every destination; keep the summary if it holds for other atoms as well.

        Ends of chains that the block called have been through here.
        """
        mapped = self._runner.mapped
        endings = (mapped(one, self._plan) if one.chain is block.chain else one for one in summary.endings)
        ended = summary._replace(endings=tuple(dict.fromkeys(endings)))
        if self._plan.writes_swept:
            return ended
        returns, onward = (tuple(self._runner.swept(one, self._plan.swept) for one in some) for some in summary[1:3])
        noted = ended._replace(returns=returns, onward=onward)
        self._plan.summaries[block.key, put(packet, self._plan.swept, SWEPT)] = noted
        return self._at_here(noted)

    def _at_here(self, noted: Summary) -> Summary:
        if not (noted.returns or noted.onward):
            return noted
        returns, onward = (tuple(put(one, self._plan.swept, self._here) for one in some) for some in noted[1:3])
        return noted._replace(returns=returns, onward=onward)
