"""What of one base chain matters for a packet whose destination is still open.

Rules that surely do not match are left out once, instead of at every address. A rule that looks at the
destination in the plain way is given its exact span of addresses; one that looks at it in another way
(maps, routing questions) is given the points where its outcome may change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress
from operator import and_, itemgetter, not_
from typing import TYPE_CHECKING, Final

from agent.judge.blocks import End
from agent.judge.calls import BLOCK_BITS, below
from agent.judge.entries import Action, Entry, Looker
from agent.judge.patchwork import PLACE_BITS, Roll
from agent.judge.spans import Spans
from agent.model.expression import BoxTable, Concat, Expr, Field, Lookup, NamedSet, Read
from agent.model.firewall import Chain, Jump, Match, Rule, Table
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Iterable, Iterator

    from agent.judge.atoms import Atoms
    from agent.judge.blocks import Block, Summary
    from agent.judge.calls import Calls, Written
    from agent.judge.cuts import Axis
    from agent.judge.entries import Guard, Outline
    from agent.judge.evaluate import Evaluator
    from agent.judge.packet import Packet
    from agent.model.intervals import Interval


BASE: Final = 0
"""The number of the base chain in its plan."""
BROAD: Final = 2000
"""Stretches of addresses in one rule from which on they are taken as a whole."""
Active = tuple[int, ...]
"""Places of rules, sorted."""
Kind = tuple[int, Action | None]
"""The guard of a plain rule, and what it does where guard and addresses fit; None where more has a say in that."""
OTHER: Final = -1
"""The kind of rules that are not plain."""


@dataclass(slots=True)
class Layout:
    """One chain: its number in the plan, and by blocks of rules what holds whatever the destination."""

    number: int
    calls: dict[int, frozenset[int]]
    """The numbers of the chains that a block may reach."""
    always: dict[int, list[int]] = field(default_factory=dict)
    """Rules that may match whatever the destination, by index, in order."""


@dataclass(slots=True)
class Plan:
    """Active rules of the chains that a base chain can reach, for one packet."""

    rules: _Rules
    answers: dict[int, bool | None] = field(default_factory=dict)
    """The guards that hold surely (True) or perhaps (None). Those that only later plans met stand behind what ends
    the walk for this one, as if they did not hold."""
    asked: int = 0
    """How many guards were asked."""
    layouts: dict[Chain, Layout] = field(default_factory=dict)
    always: list[list[int]] = field(default_factory=list)
    """By chain number: places of the rules that may match whatever the destination."""
    extra: Spans = field(default_factory=Spans)
    """The addresses of rules besides the plain ones."""
    extra_broad: list[tuple[int, Intervals]] = field(default_factory=list)
    """Those of them that have too many addresses for that."""
    doubtful: set[int] = field(default_factory=set)
    """Places of rules that are not certain for this packet although their guard holds."""
    cuts: set[int] = field(default_factory=set)
    """Addresses at which the outcome of some rule may change."""
    last: int | None = None
    """The place of the first rule of the base chain that surely ends the walk, whatever the destination."""
    swept: Field = Field.DADDR
    """The field that stands for many addresses."""
    writes_swept: bool = False
    blurred: dict[Rule, Rule] = field(default_factory=dict)
    """Rules that look at the destination in a way with no finite bounds, and what stands in for them."""
    blocks: dict[Hashable, Block] = field(default_factory=dict)
    atoms: dict[Intervals, Atoms] = field(default_factory=dict)
    """What sweep.py made of some addresses."""
    summaries: dict[tuple[Hashable, Packet], Summary] = field(default_factory=dict)
    """What blocks made of packets; the swept field is SWEPT."""

    @property
    def called(self) -> dict[str, int]:
        """The chains by name."""
        return self.rules.called

    def single(self, address: int) -> bool:
        """Whether an atom is this address alone."""
        return address in self.cuts and address + 1 in self.cuts

    def certain(self, place: int) -> Action | None:
        """What a rule does wherever it is active; None where that is not certain."""
        known = self.rules.actions.get(place)
        return known[1] if known and self.answers.get(known[0]) and place not in self.doubtful else None

    def finals(self, spans: Spans) -> dict[int, End]:
        """The rules that certainly end the walk, by place: those of some spans, and all that are no matter of spans."""
        ends = self.ends()
        finals = {place: end for place, kind in zip(spans.places, spans.kinds, strict=True) if (end := ends[kind])}
        others = [
            *self.extra.places,
            *(place for place, _ in self.broad()),
            *(() if self.last is None else (self.last,)),
        ]
        for place in others:
            if isinstance(action := self.certain(place), End):
                finals[place] = action
        return finals

    def broad(self) -> list[tuple[int, Intervals]]:
        """The rules with so many addresses that they are no matter of bounds, by place."""
        answers = self.answers
        plain = [(place, span) for place, span, guard in self.rules.broad if guard in answers]
        return [*plain, *self.extra_broad]

    def ends(self) -> list[End | None]:
        """By kind, how a rule certainly ends the walk; None where it does not. The last is for all other kinds."""
        answers = self.answers
        ends = [
            action if isinstance(action, End) and answers.get(guard) else None for guard, action in self.rules.kinds
        ]
        return [*ends, None]

    def spans(self) -> Spans:
        """The addresses of the other rules, in order."""
        answers = self.answers
        spans = self.rules.spans()
        chosen = [guard in answers for guard, _ in self.rules.kinds]
        if not all(chosen):
            spans = spans.where(map(chosen.__getitem__, spans.kinds))
        return (spans + self.extra).in_order() if self.extra.lows else spans


@dataclass(slots=True)
class _Looked:
    """How far one chain was looked through, and what was found."""

    chain: Chain
    number: int
    until: int = 0
    """The first rule that nobody asked for yet."""
    special: list[tuple[int, Entry]] = field(default_factory=list)
    """Rules that do more than matter within a span, by index."""
    guards: list[int] = field(default_factory=list)
    """Theirs."""
    shut: Spans = field(default_factory=Spans)
    """Rules that no packet so far could match, by the other address: places are indexes."""

    def sort(self) -> None:
        """Bring the special rules into order."""
        self.special.sort(key=itemgetter(0))
        self.guards = [entry.guard for _, entry in self.special]


class _Rules:
    """The rules of all chains that a base chain can reach, looked through as far as it was asked for."""

    def __init__(self, table: Table, chains: dict[Chain, int], looker: Looker) -> None:
        self.roll = Roll(table, tuple(chains))
        self.called = {chain.name: number for chain, number in chains.items()}
        self.actions: dict[int, Kind] = {}
        """By place, for those that only decide, call or return."""
        self.kinds: list[Kind] = []
        """By number."""
        self._numbers: dict[Kind, int] = {}
        self._alike: dict[tuple[int, ...], int] = {}
        """The kinds of plain rules that ask for one stretch, by all their other steps."""
        self._looker = looker
        self.looked = [_Looked(chain, number) for chain, number in chains.items()]
        self.broad: list[tuple[int, Intervals, int]] = []
        """Plain rules with many addresses: place, addresses and guard."""
        self._spans = Spans()
        self._sorted = Spans()

    def special(self, looked: _Looked, packet: Packet, answers: Container[int]) -> Iterator[tuple[int, Entry]]:
        """The rules that do more than matter within a span, by index; each is looked through when it is reached.

        Of those that were looked through before, only the ones with these guards.
        """
        yield from list(compress(looked.special, map(answers.__contains__, looked.guards)))
        value = packet[self._looker.beside]
        for at in range(looked.until, len(looked.chain.rules)):
            looked.until = at + 1
            asked, beside, others = outline = self._looker.outline(looked.chain.rules[at])
            if beside is not None and not beside[0] <= value <= beside[1] and value >= 0:
                looked.shut.add(*beside, at, 0)
            elif asked is not None and (number := self._alike.get(others)) is not None:
                self._add(looked.number << PLACE_BITS | at, asked, number)
            elif (entry := self._enter(looked, at, outline)) is not None:
                yield at, entry

    def unlock(self, packet: Packet) -> None:
        """Look through the rules that were shut for all packets so far, and are open to this one."""
        value = packet[self._looker.beside]
        for looked in self.looked:
            shut = looked.shut
            inside = list(map(and_, map(value.__ge__, shut.lows), map(value.__le__, shut.highs)))
            if value < 0:
                inside = [True] * len(shut.lows)
            if True in inside:
                looked.shut = shut.where(map(not_, inside))
                for at in compress(shut.places, inside):
                    self._enter(looked, at, self._looker.outline(looked.chain.rules[at]))
                looked.sort()

    def _enter(self, looked: _Looked, at: int, outline: Outline) -> Entry | None:
        """Look through one rule; give it if it is special."""
        entry = self._looker.entry(looked.chain.rules[at])
        if entry is None:
            return None
        place = looked.number << PLACE_BITS | at
        kind: Kind = entry.guard, entry.action
        if entry.plain and entry.span is not None:
            if len(entry.span.starts) <= BROAD:
                number = self._numbers.setdefault(kind, len(self.kinds))
                if number == len(self.kinds):
                    self.kinds.append(kind)
                for one in entry.span:
                    self._add(place, one, number)
                if outline[0] is not None and [outline[0]] == [*entry.span]:
                    self._alike[outline[2]] = number
            else:
                self.broad.append((place, entry.span, entry.guard))
        if entry.action is not None:
            self.actions[place] = kind
        if entry.plain:
            return None
        looked.special.append((at, entry))
        looked.guards.append(entry.guard)
        return entry

    def _add(self, place: int, stretch: Interval, number: int) -> None:
        """Enter a stretch of a plain rule."""
        self._spans.add(*stretch, place, number)
        kind = self.kinds[number]
        if kind[1] is not None:
            self.actions[place] = kind

    def spans(self) -> Spans:
        """The addresses of the other plain rules, in order."""
        if len(self._sorted.lows) < len(self._spans.lows):
            self._sorted = self._spans.in_order()
        return self._sorted


class Planner:
    """Plans one base chain for packets of one family, along one axis.

    Rules are looked through once; for each packet only the few different guards are asked. Packets with the
    same answers share a plan.
    """

    def __init__(self, table: Table, calls: Calls, written: Written, evaluator: Evaluator, axis: Axis) -> None:
        self._written = written
        self._evaluator = evaluator
        self._axis = axis
        self._numbers = {chain: number for number, chain in enumerate(calls)}
        self._looker = Looker(axis, self._written)
        self._rules = _Rules(table, self._numbers, self._looker)
        self._has_boxes = False
        self._reached = {
            chain: {
                block: frozenset(self._numbers[one] for one in below(called, calls)) for block, called in blocks.items()
            }
            for chain, blocks in calls.items()
        }
        self._plans: dict[Hashable, Plan] = {}
        self._known: dict[Packet, Plan] = {}

    def plan(self, packet: Packet) -> Plan:
        """Give the plan for a packet."""
        known = self._known.get(packet)
        if known is None:
            plan = self._plan(packet)
            key = (frozenset(plan.answers.items()), packet if self._has_boxes else None)
            known = self._known[packet] = self._plans.setdefault(key, plan)
        return known

    def _plan(self, packet: Packet) -> Plan:
        plan = Plan(self._rules, swept=self._axis.field, writes_swept=self._axis.field in self._written.fields)
        answers = plan.answers
        self._rules.unlock(packet)
        self._ask_open(plan, packet)
        for looked in self._rules.looked:
            chain, number = looked.chain, looked.number
            layout = plan.layouts[chain] = Layout(number, self._reached[chain])
            for at, entry in self._rules.special(looked, packet, answers):
                if entry.guard >= plan.asked:
                    self._ask(plan, packet, range(plan.asked, entry.guard + 1))
                    plan.asked = entry.guard + 1
                if entry.guard in answers and self._ends(plan, layout, chain, at, entry, packet):
                    if number == BASE:
                        plan.last = at
                    break
            plan.always.append(sorted(number << PLACE_BITS | at for some in layout.always.values() for at in some))
        self._ask_open(plan, packet)
        return plan

    def _ask_open(self, plan: Plan, packet: Packet) -> None:
        """Ask all guards that were not asked yet; most of them are refused at once."""
        self._ask(plan, packet, self._looker.open_to(packet, plan.asked))
        plan.asked = len(self._looker.guards)

    def _ask(self, plan: Plan, packet: Packet, guards: Iterable[int]) -> None:
        for guard in guards:
            held = self._holds(self._looker.guards[guard], packet)
            if held is not False:
                plan.answers[guard] = held

    def _ends(  # noqa: PLR0913, PLR0917 - a rule, where it stands, and the packet
        self, plan: Plan, layout: Layout, chain: Chain, at: int, entry: Entry, packet: Packet
    ) -> bool:
        """Enter one rule that more than its guard and its span has a say in, or that has no span.

        Say whether it surely ends the walk through its chain, whatever the destination.
        """
        place = layout.number << PLACE_BITS | at
        span, action = entry.span, entry.action
        for match in entry.boxes:
            self._has_boxes = True
            inside = self._inside_boxes(match, packet)
            if inside is None:
                action = None
                plan.doubtful.add(place)
                plan.cuts |= self._axis.step_cuts(match) or set()
            else:
                span = inside if span is None else span & inside
        if span is not None and not span:
            return False
        plan.cuts |= entry.cuts
        if entry.stand_in is not None:
            plan.blurred[chain.rules[at]] = entry.stand_in
        if span is not None:
            if len(span.starts) > BROAD:
                plan.extra_broad.append((place, span))
            else:
                for low, high in span:
                    plan.extra.add(low, high, place, OTHER)
            return False
        layout.always.setdefault(at >> BLOCK_BITS, []).append(at)
        final = not isinstance(action, Jump) or action.goto
        return bool(action is not None and final and plan.answers.get(entry.guard))

    def _holds(self, guard: Guard, packet: Packet) -> bool | None:
        result: bool | None = True
        for step in guard:
            held = (
                self._evaluator.holds(step, packet)
                if isinstance(step, Match)
                else self._evaluator.any_holds(step, packet)
            )
            if held is False:
                return False
            result = result if held else None
        return result

    def _inside_boxes(self, match: Match, packet: Packet) -> Intervals | None:
        """The addresses for which a condition on several fields holds; None where that is not plain."""
        members = match.members
        if not isinstance(members, NamedSet) or not isinstance(members.elements, BoxTable):
            return None
        inside = self._boxes(match.expr, members, members.elements, packet)
        return inside.complement(self._axis.highest) if inside is not None and match.negated else inside

    def _boxes(self, expr: Expr, members: NamedSet, table: BoxTable, packet: Packet) -> Intervals | None:
        """Addresses in a set of several dimensions, when the other dimensions are known."""
        if members.family not in (None, self._axis.family):
            return Intervals()
        parts = expr.parts if isinstance(expr, Concat) else (expr,)
        swept = Read(self._axis.field)
        if parts.count(swept) != 1 or any(isinstance(part, Lookup | Concat) for part in parts):
            return None
        side = parts.index(swept)
        others = [(at, self._evaluator.value(part, packet)) for at, part in enumerate(parts) if at != side]
        if any(self._axis.reads(parts[at]) for at, _ in others):
            return None
        values = [(at, value) for at, value in others if isinstance(value, int)]
        if len(values) != len(others) or any(value < 0 for _, value in values):
            return None
        fitting = [
            box for box in table.boxes if all(box.sides[at][0] <= value <= box.sides[at][1] for at, value in values)
        ]
        if any(box.nomatch for box in fitting):
            return None  # the order of boxes decides
        return Intervals.of(box.sides[side] for box in fitting)
