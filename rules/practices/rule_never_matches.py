"""A rule never matches: earlier rules of its chain decide about all that it could match.

Why it matters: whoever wrote it believes that it works. A later "accept" for a service does nothing if a
broader "drop" stands before it, and a list that grows hidden rules is hard to change without surprises.
Instead: move the rule before those that hide it, or delete it.

It is exact, under negation too: sets of addresses, ports and interfaces are compared, not texts. Only rules on
the way of web traffic to public addresses are looked at.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from agent.model.firewall import source_of
from agent.model.intervals import Intervals
from agent.model.public import PUBLIC
from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule, standing
from agent.practice.remedy import tool_of
from agent.practice.shadow import EVERYWHERE, Earlier, box, changed, may_touch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.expression import Field
    from agent.model.firewall import Chain, Table
    from agent.model.firewall import Rule as FilterRule

ANYWHERE: Final = Intervals.union(PUBLIC.values())
"""The public addresses of both families."""
MAX_HITS: Final = 20
"""Rules named one by one in a chain."""


def find(case: Case) -> Iterator[Hit]:
    """One hit for each rule, the first of a chain."""
    reaches = {id(one.reach): one.reach for proof in case.proofs for one in proof.classes}.values()
    deciding = standing(part for reach in reaches for part in reach.parts)
    for table in case.gateway.firewall.tables:
        candidates = {
            chain: [
                at for at, rule in enumerate(chain.rules) if rule not in deciding[chain] and may_touch(rule, ANYWHERE)
            ]
            for chain in table.chains.values()
            if chain in deciding
        }
        written = changed(table) if any(candidates.values()) else frozenset()
        for chain, some in candidates.items():
            for rule, hiding in islice(_hidden(chain, some, written) if some else (), MAX_HITS):
                yield _hit(case, table, chain, rule, hiding)


def _hidden(
    chain: Chain, candidates: list[int], written: frozenset[Field]
) -> Iterator[tuple[FilterRule, tuple[FilterRule, ...]]]:
    """The hidden rules among some of a chain, with those that hide them."""
    earlier = Earlier()
    boxes = {at: box(chain.rules[at], written) for at in candidates}
    # rules about anything are rare, and stand at either end; those before the last of them must all be looked at
    until = max((at for at, one in boxes.items() if one.destinations == EVERYWHERE), default=-1)
    where = Intervals.union(one.destinations for at, one in boxes.items() if at > until)
    for at, rule in enumerate(chain.rules[: candidates[-1] + 1]):
        if at > until and not may_touch(rule, where):
            continue
        mine = boxes.get(at) or box(rule, written)
        if at in boxes and mine.destinations & ANYWHERE:
            hiding = earlier.hiding(mine)
            if hiding:
                yield rule, hiding
                continue
        earlier.add(rule, mine)


def _hit(case: Case, table: Table, chain: Chain, rule: FilterRule, hiding: tuple[FilterRule, ...]) -> Hit:
    sources = tuple(source_of(table, chain, one) for one in (rule, *hiding[:MAX_HITS]))
    more = f" and {len(hiding) - 1} more" if len(hiding) > 1 else ""
    return Hit(
        f"{sources[0]} never matches: {sources[1].text}{more} comes first",
        ("rule", sources[0].text),
        sources,
        "Move the rule before those that hide it, or delete it.",
        tool=tool_of(sources[0], case.owners),
        key=f"{sources[0].artifact} {table.title} {chain.name} {sources[0].text}",
    )


RULE = Rule("rule-never-matches", "A rule never matches", Severity.INFO, find)
