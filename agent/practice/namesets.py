"""Sets that resolvers fill from names, with what the packet filter says of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from agent.model.names import Interest, apex_of
from agent.model.record import record
from agent.practice.lists import lists_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.expression import NamedSet
    from agent.model.naming import FilledSet
    from agent.model.requirement import Requirement
    from agent.practice.rule import Case


@record
class NameSetInUse:
    """A filled set that rules compare destinations with, for a required domain."""

    requirement: Requirement
    filled: FilledSet
    named: NamedSet

    @property
    def family(self) -> int | None:
        """The family of its addresses, where one alone gets there."""
        return self.filled.family or self.named.holds or self.named.family


def in_use(case: Case) -> Iterator[NameSetInUse]:
    """Every filled set with each required domain whose names fill it."""
    named: dict[tuple[str, str], NamedSet] = {}
    for table in case.gateway.firewall.tables if case.gateway.filled_sets else ():
        for chain in table.chains.values():
            for rule in chain.rules:
                named |= {(one.name, one.table): one for one in lists_of(rule)}
    for filled in case.gateway.filled_sets:
        found = named.get((filled.name, filled.table))
        for requirement in case.requirements if found else ():
            if found and _fills(filled, requirement):
                yield NameSetInUse(requirement, filled, found)


def by_domain(case: Case) -> dict[str, list[NameSetInUse]]:
    """The same for each required domain."""
    found: dict[str, list[NameSetInUse]] = defaultdict(list)
    for one in in_use(case):
        found[one.requirement.pattern].append(one)
    return found


def _fills(filled: FilledSet, requirement: Requirement) -> bool:
    interest = Interest({apex_of(requirement.pattern)})
    return any(name in ("", "#") or interest.touches(name) for name in filled.domains)
