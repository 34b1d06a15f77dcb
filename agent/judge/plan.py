"""What of one base chain matters for a packet whose destination is still open.

Rules that surely do not match are left out once, instead of at every address. A rule that looks at the
destination in the plain way is given its exact span of addresses; one that looks at it in another way
(maps, routing questions) is given the points where its outcome may change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agent.judge.calls import BLOCK, Written, below, calls_of
from agent.judge.interpret import MATCHES, End
from agent.model.firewall import (
    AnyOf,
    BoxTable,
    Chain,
    Concat,
    Expr,
    Field,
    Lookup,
    Match,
    NamedSet,
    NotUnderstood,
    Read,
    Reject,
    Rule,
    Simple,
    Step,
    Table,
    Uncertain,
)
from agent.model.intervals import Interval, Intervals

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from agent.judge.cuts import Axis
    from agent.judge.evaluate import Evaluator
    from agent.judge.interpret import Block, Summary
    from agent.judge.packet import Packet


BASE: Final = 0
"""The number of the base chain in its plan."""
ENDS: Final = {Simple.ACCEPT: End.ACCEPT, Simple.DROP: End.DROP}
FINAL: Final = (*ENDS, Simple.RETURN)
Active = tuple[tuple[int, int], ...]
"""Number of the chain in its plan and of the rule in its chain, sorted."""
Groups = dict[tuple[Active, int], list[Interval]]
"""Atoms by their active rules and place among the cuts."""


@dataclass(slots=True)
class Layout:
    """One chain: its number in the plan, and by blocks of rules what holds whatever the destination."""

    number: int
    always: dict[int, list[int]] = field(default_factory=dict)
    """Rules that may match whatever the destination, by index, in order."""
    calls: dict[int, frozenset[int]] = field(default_factory=dict)
    """The numbers of the chains that a block may reach."""


@dataclass(slots=True)
class Plan:
    """Active rules of the chains that a base chain can reach, for one packet."""

    layouts: dict[Chain, Layout] = field(default_factory=dict)
    spans: list[tuple[Chain, int, Intervals]] = field(default_factory=list)
    """Rules that may match only for these destinations."""
    certain: set[tuple[int, int]] = field(default_factory=set)
    """Rules that match for all of those, and end the walk through their chain."""
    first_always: int | None = None
    """The first rule of the base chain that may match whatever the destination."""
    cuts: set[int] = field(default_factory=set)
    """Addresses at which the outcome of some rule may change."""
    swept: Field = Field.DADDR
    """The field that stands for many addresses."""
    writes_swept: bool = False
    blurred: dict[Rule, Rule] = field(default_factory=dict)
    """Rules that look at the destination in a way with no finite bounds, and what stands in for them."""
    blocks: dict[Hashable, Block] = field(default_factory=dict)
    groups: dict[Intervals, Groups] = field(default_factory=dict)
    """What sweep.py made of some addresses."""
    summaries: dict[tuple[Hashable, Packet], Summary] = field(default_factory=dict)
    """What blocks made of packets; the swept field is SWEPT."""


Condition = Match | AnyOf


@dataclass(slots=True)
class _Entry:
    """One rule, as far as no packet is needed to tell what it asks."""

    guard: int
    """Number of the conditions."""
    conditions: tuple[Condition, ...]
    """Those that do not look at the swept field, and that a packet settles beforehand."""
    span: Intervals | None = None
    """The addresses for which the plain conditions on it hold; None for all."""
    boxes: tuple[Match, ...] = ()
    """Conditions on it and other fields at once."""
    certain: bool = False
    """Whether it surely ends the walk through its chain where those hold."""
    cuts: frozenset[int] = frozenset()
    """Addresses at which the outcome of its other conditions and statements may change."""
    stand_in: Rule | None = None
    """What it is replaced by where it looks at the swept field in a way without finite bounds."""


class Planner:
    """Plans one base chain for packets of one family, along one axis.

    Rules are looked through once; for each packet only the few different guards are asked. Packets with the
    same answers share a plan.
    """

    def __init__(
        self, table: Table, base: Chain, evaluator: Evaluator, axis: Axis, changed: frozenset[NamedSet]
    ) -> None:
        self._calls = calls_of(table, base)
        self._written = Written.of((rule for chain in self._calls for rule in chain.rules), changed)
        self._evaluator = evaluator
        self._axis = axis
        self._numbers = {chain: number for number, chain in enumerate(self._calls)}
        self._guards: dict[tuple[Condition, ...], int] = {}
        self._entries: dict[Chain, list[_Entry | None]] = {chain: [] for chain in self._calls}
        self._has_boxes = False
        self._reached = {
            chain: {
                block: frozenset(self._numbers[one] for one in below(called, self._calls))
                for block, called in blocks.items()
            }
            for chain, blocks in self._calls.items()
        }
        self._plans: dict[Hashable, Plan] = {}
        self._known: dict[Packet, Plan] = {}

    def plan(self, packet: Packet) -> Plan:
        """Give the plan for a packet."""
        known = self._known.get(packet)
        if known is None:
            answers: dict[int, bool | None] = {}
            plan = self._plan(packet, answers)
            key = (tuple(answers.items()), packet if self._has_boxes else None)
            known = self._known[packet] = self._plans.setdefault(key, plan)
        return known

    def _looked_through(self, chain: Chain) -> Iterator[_Entry | None]:
        """The rules of a chain, each looked through when it is reached for the first time."""
        entries = self._entries[chain]
        yield from entries
        for rule in chain.rules[len(entries) :]:
            entries.append(self._entry(rule))
            yield entries[-1]

    def _plan(self, packet: Packet, answers: dict[int, bool | None]) -> Plan:
        """Make a plan; ``answers`` gets what the guards say, in the order in which they are asked."""
        plan = Plan(swept=self._axis.field, writes_swept=self._axis.field in self._written.fields)
        for chain, number in self._numbers.items():
            layout = plan.layouts[chain] = Layout(number, calls=self._reached[chain])
            for at, entry in enumerate(self._looked_through(chain)):
                if entry is None:
                    continue
                if entry.guard not in answers:
                    answers[entry.guard] = self._holds(entry.conditions, packet)
                answer = answers[entry.guard]
                if answer is False:
                    continue
                span, certain = entry.span, entry.certain and answer is True
                for match in entry.boxes:
                    inside = self._inside_boxes(match, packet)
                    if inside is None:
                        certain = False
                        plan.cuts |= self._axis.step_cuts(match) or set()
                    else:
                        span = inside if span is None else span & inside
                if span is not None and not span:
                    continue
                plan.cuts |= entry.cuts
                if entry.stand_in is not None:
                    plan.blurred[chain.rules[at]] = entry.stand_in
                if certain:
                    plan.certain.add((number, at))
                if span is not None:
                    plan.spans.append((chain, at, span))
                    continue
                layout.always.setdefault(at // BLOCK, []).append(at)
                if certain:  # nothing behind it is reached
                    break
            if number == BASE:
                plan.first_always = min((some[0] for some in layout.always.values()), default=None)
        return plan

    def _entry(self, rule: Rule) -> _Entry | None:
        """Look through one rule; None where it never matches, or does nothing."""
        guard: list[Condition] = []
        boxes: list[Match] = []
        span: Intervals | None = None
        left_open: list[Step] = []
        for at, step in enumerate(rule.steps):
            if not isinstance(step, MATCHES):
                final = step in FINAL or isinstance(step, Reject)
                # from the first effect on, nothing can be left out: only the points of change count
                left_open += () if final else rule.steps[at:]
                break
            if isinstance(step, Uncertain) or not self._settles(step):
                left_open.append(step)
            elif isinstance(step, AnyOf) or not self._axis.reads(step.expr):
                guard.append(step)
            elif isinstance(step.members, NamedSet) and isinstance(step.members.elements, BoxTable):
                (left_open if self._axis.step_cuts(step) is None else boxes).append(step)
            elif (inside := self._axis.inside(step.expr, step.members)) is None:
                left_open.append(step)
            else:
                inside = inside.complement(self._axis.highest) if step.negated else inside
                span = inside if span is None else span & inside
                if not span:
                    return None
        else:
            return None
        conditions = tuple(guard)
        number = self._guards.setdefault(conditions, len(self._guards))
        self._has_boxes = self._has_boxes or bool(boxes)
        stand_in = None
        cuts: frozenset[int] = frozenset()
        if left_open:
            points = [self._axis.step_cuts(step) for step in left_open]
            cuts = frozenset().union(*(some for some in points if some))
            if None in points:
                steps = tuple(self._blurred(step) for step in rule.steps)
                stand_in = Rule(steps, rule.wording, rule.handle, rule.line, rule.comment)
        return _Entry(number, conditions, span, tuple(boxes), not left_open, cuts, stand_in)

    def _settles(self, step: Condition) -> bool:
        """Whether a condition gives the same answer wherever in these chains it is asked, if not at every address."""
        if isinstance(step, Match):
            return self._written.settles(step)
        return not any(self._axis.reads(one.expr) or not self._written.settles(one) for one in step.matches)

    def _holds(self, guard: tuple[Condition, ...], packet: Packet) -> bool | None:
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

    def _blurred(self, step: Step) -> Step:
        if self._axis.step_cuts(step) is not None:
            return step
        what = "an address mask with holes"
        return Uncertain(what) if isinstance(step, MATCHES) else NotUnderstood(what)

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


def first_certain(plan: Plan, base: Chain, active: Active) -> tuple[Rule, End] | None:
    """The rule that decides in the base chain before any that is not certain, and how it ends; None without one."""
    at = plan.first_always
    if active and active[0][0] == BASE and (at is None or active[0][1] < at):
        at = active[0][1]
    if at is None or (BASE, at) not in plan.certain:
        return None
    rule = base.rules[at]
    last = rule.steps[-1]
    end = End.REJECT if isinstance(last, Reject) else ENDS.get(last) if isinstance(last, Simple) else None
    return None if end is None else (rule, end)
