"""What of one base chain matters for one packet whose destination is still open.

Rules that surely do not match are left out once, instead of at every address. A rule that looks at the
destination in the plain way is given its exact span of addresses; one that looks at it in another way
(maps, routing questions) is given the points where its outcome may change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agent.judge.interpret import MATCHES
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


BLOCK: Final = 64
"""Rules of a chain whose outcome is kept together."""
FINAL: Final = (Simple.ACCEPT, Simple.DROP, Simple.RETURN)
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
            span = planner.span(rule)
            if span is None:
                layout.always.setdefault(at // BLOCK, []).append(at)
                if planner.ends(rule):  # nothing behind it is reached
                    break
            elif span:
                plan.spans.append((chain, at, span))
        for number, called in calls[chain].items():
            layout.calls[number] = frozenset(plan.layouts[one].number for one in _below(called, calls))
    return plan


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
                if isinstance(step, Assign):
                    fields.add(step.field)
                elif isinstance(step, Notrack):
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
        self.plan = plan
        self.axis = axis

    def span(self, rule: Rule) -> Intervals | None:
        """The destinations for which the rule may match: None for all, empty for none."""
        span: Intervals | None = None
        cuts: set[int] = set()
        blurred = False
        for at, step in enumerate(rule.steps):
            if not isinstance(step, MATCHES):
                # from the first effect on, nothing can be left out: only the points of change count
                for later in rule.steps[at:]:
                    points = self.axis.step_cuts(later)
                    blurred = blurred or points is None
                    cuts |= points or set()
                break
            if self._surely_fails(step):
                return Intervals()
            exact = self._exact(step) if isinstance(step, Match) and self.axis.reads(step.expr) else None
            if exact is None:
                points = self.axis.step_cuts(step)
                blurred = blurred or points is None
                cuts |= points or set()
            else:
                span = exact if span is None else span & exact
                if not span:
                    return span
        self.plan.cuts |= cuts
        if blurred:
            steps = tuple(self._blur(step) for step in rule.steps)
            self.plan.blurred[rule] = Rule(steps, rule.wording, rule.handle, rule.line, rule.comment)
        return span

    def ends(self, rule: Rule) -> bool:
        """Whether the rule surely matches every packet that comes to it, and keeps it."""
        for step in rule.steps:
            if step in FINAL or isinstance(step, Reject):
                return True
            if not isinstance(step, Match) or self.axis.reads(step.expr) or not self._settled(step):
                return False
            if self.evaluator.holds(step, self.packet) is not True:
                return False
        return False

    def _surely_fails(self, step: Step) -> bool:
        """Whether a condition that does not look at the destination is false for this packet."""
        if isinstance(step, Match):
            if self.axis.reads(step.expr) or not self._settled(step):
                return False
            return self.evaluator.holds(step, self.packet) is False
        if isinstance(step, AnyOf):
            if any(self.axis.reads(one.expr) or not self._settled(one) for one in step.matches):
                return False
            return self.evaluator.any_holds(step, self.packet) is False
        return False

    def _blur(self, step: Step) -> Step:
        if self.axis.step_cuts(step) is not None:
            return step
        what = "an address mask with holes"
        return Uncertain(what) if isinstance(step, MATCHES) else NotUnderstood(what)

    def _settled(self, match: Match) -> bool:
        """Whether a condition gives the same answer wherever in these chains it is asked."""
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
