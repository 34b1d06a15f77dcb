"""A rule accepts the members of a set, and the set is empty.

Why it matters: the rule lets nobody pass. Such sets lose their elements when the packet filter is reloaded and
whatever filled them is not run again; clients see a service that worked yesterday.
Instead: fill the set where it is defined, or have it filled at each load; better, let a proxy decide by name.

Sets that a resolver fills are empty until somebody asks for their names, and do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.expression import BoxTable, Field, IntervalTable, NamedSet, Read
from agent.model.firewall import ChainType, Match, Simple, source_of
from agent.model.intervals import Intervals
from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule
from agent.practice.lists import is_filled
from agent.practice.remedy import tool_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.firewall import Chain, Table
    from agent.model.firewall import Rule as FilterRule

MAX_HITS: Final = 50


def find(case: Case) -> Iterator[Hit]:
    """One hit for each set, with all rules that wait for its elements."""
    ports = {need.port for requirement in case.requirements for need in requirement.ports}
    waiting: dict[NamedSet, list[tuple[Table, Chain, FilterRule]]] = {}
    for table in case.gateway.firewall.tables:
        for chain in table.chains.values():
            if chain.base is not None and chain.base.type is ChainType.NAT:
                continue
            for rule in chain.rules:
                if rule.steps and rule.steps[-1] is Simple.ACCEPT:
                    for named in _empty(rule):
                        if _may_be_about(rule, ports) and not is_filled(named, case.gateway):
                            waiting.setdefault(named, []).append((table, chain, rule))
    for named, rules in list(waiting.items())[:MAX_HITS]:
        sources = tuple(source_of(*one) for one in rules)
        yield Hit(
            f"the set {named.name} of {named.table} is empty, so nobody passes by {sources[0]}",
            ("set", f"{named.table} {named.name}"),
            (*sources, *((named.source,) if named.source else ())),
            "Fill the set where it is defined, or at each load of the rules; or drop the rule.",
            (),
            tool_of(sources[0], case.owners),
            key=f"{sources[0].artifact} {named.table} {named.name}",
        )


def _empty(rule: FilterRule) -> Iterator[NamedSet]:
    """Named sets without an element that a packet must be in."""
    for step in rule.steps:
        if not isinstance(step, Match) or step.negated or not isinstance(step.members, NamedSet):
            continue
        elements = step.members.elements
        empty = (isinstance(elements, IntervalTable) and not elements.keys) or (
            isinstance(elements, BoxTable) and not elements.boxes
        )
        if empty and step.members.name and not step.members.dynamic:
            yield step.members


def _may_be_about(rule: FilterRule, ports: set[int]) -> bool:
    """Whether a rule may match traffic to a required port."""
    for step in rule.steps:
        if isinstance(step, Match) and step.expr == Read(Field.DPORT) and isinstance(step.members, Intervals):
            inside = {port for port in ports if port in step.members}
            if not (ports - inside if step.negated else inside):
                return False
    return True


RULE = Rule("allow-rule-with-empty-set", "A rule accepts members of an empty set", Severity.MEDIUM, find)
