"""What of one base chain matters for one packet whose destination is still open.

Rules that surely do not match are left out once, instead of at every address. A rule that looks at the
destination in the plain way is given its exact span of addresses; one that looks at it in another way
(maps, routing questions) is given the points where its outcome may change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agent.judge.interpret import MATCHES, End
from agent.model.firewall import (
    AddToSet,
    AnyOf,
    Assign,
    Binary,
    BoxTable,
    Chain,
    Concat,
    Expr,
    Fib,
    Field,
    IntervalTable,
    Jump,
    Lookup,
    Match,
    NamedSet,
    Notrack,
    NotUnderstood,
    Read,
    Reject,
    Rule,
    Simple,
    Step,
    Table,
    Uncertain,
    Vmap,
)
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from agent.judge.cuts import Axis
    from agent.judge.evaluate import Evaluator
    from agent.judge.interpret import Block, Interpreter, Summary
    from agent.judge.packet import Packet


BASE: Final = 0
"""The number of the base chain in its plan."""
BLOCK: Final = 64
"""Rules of a chain whose outcome is kept together."""
ENDS: Final = {Simple.ACCEPT: End.ACCEPT, Simple.DROP: End.DROP}
FINAL: Final = (*ENDS, Simple.RETURN)
Active = tuple[tuple[int, int], ...]
"""Number of the chain in its plan and of the rule in its chain, sorted."""


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
    summaries: dict[tuple[Hashable, Packet], Summary] = field(default_factory=dict)
    """What blocks made of packets; the swept field is SWEPT."""


def make_plan(table: Table, base: Chain, packet: Packet, interpreter: Interpreter, axis: Axis) -> Plan:
    """Plan one base chain for one packet, along the axis of its destinations."""
    calls = _calls(table, base)
    written = _Written.of((rule for chain in calls for rule in chain.rules), interpreter.ledger.changed(packet))
    plan = Plan(swept=axis.field, writes_swept=axis.field in written.fields)
    planner = _Planner(packet, interpreter.evaluator, written, plan, axis)
    plan.layouts = {chain: Layout(number) for number, chain in enumerate(calls)}
    for chain, layout in plan.layouts.items():
        for at, rule in enumerate(chain.rules):
            span, certain = planner.span(rule)
            if certain:
                plan.certain.add((layout.number, at))
            if span is None:
                layout.always.setdefault(at // BLOCK, []).append(at)
                if certain:  # nothing behind it is reached
                    break
            elif span:
                plan.spans.append((chain, at, span))
        if layout.number == BASE:
            plan.first_always = min((some[0] for some in layout.always.values()), default=None)
        for number, called in calls[chain].items():
            layout.calls[number] = frozenset(plan.layouts[one].number for one in _below(called, calls))
    return plan


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


Calls = dict["Chain", dict[int, set["Chain"]]]
"""The chains that each block of a chain calls itself."""


def _calls(table: Table, base: Chain) -> Calls:
    """The chains that can be reached, and what their blocks call."""
    found: Calls = {base: {}}
    waiting = [base]
    while waiting:
        chain = waiting.pop()
        for at, rule in enumerate(chain.rules):
            for name in _targets(rule):
                target = table.chains.get(name)
                if target is None:
                    continue
                found[chain].setdefault(at // BLOCK, set()).add(target)
                if target not in found:
                    found[target] = {}
                    waiting.append(target)
    return found


def _below(chains: Iterable[Chain], calls: Calls) -> set[Chain]:
    """These chains and all that they may reach."""
    found = set(chains)
    waiting = list(found)
    while waiting:
        for called in calls[waiting.pop()].values():
            waiting += called - found
            found |= called
    return found


def _targets(rule: Rule) -> Iterator[str]:
    for step in rule.steps:
        if isinstance(step, Jump):
            yield step.chain
        elif isinstance(step, Vmap) and isinstance(step.table.elements, IntervalTable | BoxTable):
            elements = step.table.elements
            data = elements.data or () if isinstance(elements, IntervalTable) else (b.data for b in elements.boxes)
            yield from (datum.chain for datum in data if isinstance(datum, Jump))


@dataclass(frozen=True, slots=True)
class _Written:
    """What rules of these chains may change while a packet passes: conditions on it stay open."""

    fields: frozenset[Field]
    sets: frozenset[NamedSet]

    @classmethod
    def of(cls, rules: Iterable[Rule], changed: Iterable[NamedSet]) -> _Written:
        """Of these rules; ``changed`` are sets that were written before."""
        fields: set[Field] = set()
        sets = set(changed)
        for rule in rules:
            for step in rule.steps:
                kind = type(step)
                if kind is Match:
                    continue
                if isinstance(step, Assign):
                    fields.add(step.field)
                elif kind is Notrack:
                    fields.add(Field.CT_STATE)
                elif isinstance(step, AddToSet):
                    sets.add(step.target)
        return cls(frozenset(fields), frozenset(sets))


class _Planner:
    def __init__(
        self,
        packet: Packet,
        evaluator: Evaluator,
        written: _Written,
        plan: Plan,
        axis: Axis,
    ) -> None:
        self.packet = packet
        self.evaluator = evaluator
        self.written = written
        self.nothing_written = not (written.fields or written.sets)
        self.plan = plan
        self.axis = axis

    def span(self, rule: Rule) -> tuple[Intervals | None, bool]:
        """The destinations for which the rule may match: None for all, empty for none; and whether it surely ends.

        It ends there if it matches whenever it is reached, and keeps every packet.
        """
        span: Intervals | None = None
        cuts: set[int] = set()
        blurred = False
        certain = True
        for at, step in enumerate(rule.steps):
            if not isinstance(step, MATCHES):
                certain = certain and (step in FINAL or isinstance(step, Reject))
                # from the first effect on, nothing can be left out: only the points of change count
                for later in () if certain else rule.steps[at:]:
                    points = self.axis.step_cuts(later)
                    blurred = blurred or points is None
                    cuts |= points or set()
                break
            if isinstance(step, Match) and self.axis.reads(step.expr):
                exact = self._exact(step)
                if exact is not None:
                    span = exact if span is None else span & exact
                    if not span:
                        return span, False
                    continue
                holds = None
            else:
                holds = self._outcome(step)
            if holds is False:
                return Intervals(), False
            if not holds:
                certain = False
                points = self.axis.step_cuts(step)
                blurred = blurred or points is None
                cuts |= points or set()
        else:
            certain = False
        self.plan.cuts |= cuts
        if blurred:
            steps = tuple(self._blur(step) for step in rule.steps)
            self.plan.blurred[rule] = Rule(steps, rule.wording, rule.handle, rule.line, rule.comment)
        return span, certain

    def _outcome(self, step: Step) -> bool | None:
        """Whether a condition that does not look at the destination holds for this packet, wherever it is asked."""
        if isinstance(step, Match):
            return self.evaluator.holds(step, self.packet) if self._settled(step) else None
        if isinstance(step, AnyOf):
            if any(self.axis.reads(one.expr) or not self._settled(one) for one in step.matches):
                return None
            return self.evaluator.any_holds(step, self.packet)
        return None

    def _blur(self, step: Step) -> Step:
        if self.axis.step_cuts(step) is not None:
            return step
        what = "an address mask with holes"
        return Uncertain(what) if isinstance(step, MATCHES) else NotUnderstood(what)

    def _settled(self, match: Match) -> bool:
        """Whether a condition gives the same answer wherever in these chains it is asked."""
        if self.nothing_written:
            return True
        return match.members not in self.written.sets and self._expr_settled(match.expr)

    def _expr_settled(self, expr: Expr) -> bool:
        match expr:
            case Read():
                return expr.field not in self.written.fields
            case Binary():
                return self._expr_settled(expr.left) and self._expr_settled(expr.right)
            case Concat():
                return all(self._expr_settled(part) for part in expr.parts)
            case Lookup():
                return self._expr_settled(expr.key)
            case Fib():
                return expr.address not in self.written.fields and not (expr.mark and Field.MARK in self.written.fields)
            case _:
                return True

    def _exact(self, match: Match) -> Intervals | None:
        """The addresses for which a condition on the destination holds; None where it is not plain."""
        if not self._settled(match):
            return None
        if isinstance(match.members, NamedSet) and isinstance(match.members.elements, BoxTable):
            inside = self._boxes(match.expr, match.members, match.members.elements)
        else:
            inside = self.axis.inside(match.expr, match.members)
        if inside is None:
            return None
        return inside.complement(self.axis.highest) if match.negated else inside

    def _boxes(self, expr: Expr, members: NamedSet, table: BoxTable) -> Intervals | None:
        """Addresses in a set of several dimensions, when the other dimensions are known."""
        if members.family not in (None, self.axis.family):
            return Intervals()
        parts = expr.parts if isinstance(expr, Concat) else (expr,)
        swept = Read(self.axis.field)
        if parts.count(swept) != 1 or any(isinstance(part, Lookup | Concat) for part in parts):
            return None
        side = parts.index(swept)
        others = [(at, self.evaluator.value(part, self.packet)) for at, part in enumerate(parts) if at != side]
        if any(self.axis.reads(parts[at]) for at, _ in others):
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
