"""Which chains a base chain may call, and what their rules may change while a packet passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.expression import Binary, BoxTable, Concat, Expr, Fib, Field, IntervalTable, Lookup, NamedSet, Read
from agent.model.firewall import AddToSet, Assign, Chain, Jump, Match, Notrack, Rule, Simple, Table, Vmap
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BLOCK_BITS = 6
"""Rules of a chain whose outcome is kept together, as a power of two."""
CALLERS = (Jump, Vmap)
"""Nothing behind them is reached."""
Calls = dict["Chain", dict[int, set["Chain"]]]
"""The chains that each block of a chain calls itself."""


def calls_of(table: Table, base: Chain) -> Calls:
    """The chains that can be reached, and what their blocks call."""
    found: Calls = {base: {}}
    waiting = [base]
    while waiting:
        chain = waiting.pop()
        for at, rule in enumerate(chain.rules):
            if not rule.steps or type(rule.steps[-1]) not in CALLERS:
                continue
            for name in _targets(rule):
                target = table.chains.get(name)
                if target is None:
                    continue
                found[chain].setdefault(at >> BLOCK_BITS, set()).add(target)
                if target not in found:
                    found[target] = {}
                    waiting.append(target)
    return found


def below(chains: Iterable[Chain], calls: Calls) -> set[Chain]:
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


@record
class Written:
    """What rules of these chains may change while a packet passes: conditions on it stay open."""

    fields: frozenset[Field]
    sets: frozenset[NamedSet]

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Written:
        """Of these rules."""
        fields: set[Field] = set()
        sets: set[NamedSet] = set()
        for rule in rules:
            for step in rule.steps:
                kind = type(step)
                if kind is Match or kind is Simple:
                    continue
                if isinstance(step, Assign):
                    fields.add(step.field)
                elif kind is Notrack:
                    fields.add(Field.CT_STATE)
                elif isinstance(step, AddToSet):
                    sets.add(step.target)
        return cls(frozenset(fields), frozenset(sets))

    def after(self, changed: frozenset[NamedSet]) -> Written:
        """The same where these sets were written before."""
        return Written(self.fields, self.sets | changed)

    def settles(self, match: Match) -> bool:
        """Whether a condition gives the same answer wherever in these chains it is asked."""
        if not self.fields and not self.sets:
            return True
        return match.members not in self.sets and self._expr_settled(match.expr)

    def _expr_settled(self, expr: Expr) -> bool:
        match expr:
            case Read():
                return expr.field not in self.fields
            case Binary():
                return self._expr_settled(expr.left) and self._expr_settled(expr.right)
            case Concat():
                return all(self._expr_settled(part) for part in expr.parts)
            case Lookup():
                return self._expr_settled(expr.key)
            case Fib():
                return expr.address not in self.fields and not (expr.mark and Field.MARK in self.fields)
            case _:
                return True
