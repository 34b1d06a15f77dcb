"""Sets of the packet filter that resolvers fill from names: what is let through then, for the names of a requirement.

An address is in the set before the client gets it (dnsmasq(8), ``--nftset``; unbound.conf(5), "IPset Options"). So to
whatever address a name leads, for rules about the set it is inside; what the set holds just now says nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.judge.asked import serving
from agent.judge.roads import Roads
from agent.model.expression import Field, IntervalTable, NamedSet, Read
from agent.model.firewall import Match
from agent.model.intervals import Intervals
from agent.model.names import apex_of
from agent.model.record import record
from agent.model.vocabulary import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agent.judge.passage import Passage
    from agent.judge.reach import Prover
    from agent.judge.relay import Passages
    from agent.model.firewall import Chain, Firewall, Rule, Step
    from agent.model.gateway import Gateway
    from agent.model.naming import FilledSet
    from agent.model.requirement import Requirement

EVERY_NAME: Final = ("", "#")


@record
class Target:
    """A set that gets addresses, of one family or (None) of both."""

    table: str
    name: str
    family: int | None


class Filled:
    """The roads of one gateway for requirements whose names fill sets."""

    def __init__(
        self, gateway: Gateway, prover: Prover, passages: Passages, prove: Callable[[Gateway], Passages]
    ) -> None:
        self._gateway = gateway
        self._prover = prover
        self._usual = passages
        self._prove = prove
        self._asking = frozenset(zone.name for zone in gateway.zones if any(serving(gateway, prover, zone)))
        """Zones whose clients ask a resolver of this gateway."""
        looked_at = set(_looked_at(gateway.firewall))
        self._sets = tuple(one for one in gateway.filled_sets if (one.table, one.name) in looked_at)
        self._passages: dict[frozenset[Target], Passages] = {frozenset(): passages}
        self._roads: dict[tuple[frozenset[Target], frozenset[Target]], Roads] = {}

    def roads(self, requirement: Requirement) -> Roads:
        """Give the roads to a requirement: all its names are in the same sets, or some are in others as well."""
        key = fills(self._sets, requirement)
        if key not in self._roads:
            always, at_times = key
            least, most = self._with(always), self._with(always | at_times)
            both = {place: _between(least[place], most[place]) for place in least}
            self._roads[key] = Roads(self._gateway, self._prover, both)
        return self._roads[key]

    def _with(self, targets: frozenset[Target]) -> Passages:
        if targets not in self._passages:
            found = self._prove(replace(self._gateway, firewall=_holding(self._gateway.firewall, targets)))
            self._passages[targets] = {
                place: found[place] if place[0] in self._asking else usual for place, usual in self._usual.items()
            }
        return self._passages[targets]


def fills(sets: Sequence[FilledSet], requirement: Requirement) -> tuple[frozenset[Target], frozenset[Target]]:
    """The sets that all names of a requirement get into, and those that only some do.

    A name gets into the sets of the longest domain that it is in (``domain_find_sets``, dnsmasq forward.c).
    """
    by_domain: dict[str, set[Target]] = defaultdict(set)
    for one in sets:
        for domain in one.domains:
            by_domain["" if domain in EVERY_NAME else domain].add(Target(one.table, one.name, one.family))
    apex = apex_of(requirement.pattern)
    above = [domain for domain in by_domain if not domain or f".{apex}".endswith(f".{domain}")]
    below = [domain for domain in by_domain if domain.endswith(f".{apex}") and requirement.pattern != apex]
    closest = by_domain[max(above, key=len)] if above else set()
    found = [closest, *(by_domain[domain] for domain in below)]
    always = set.intersection(*found)
    return frozenset(always), frozenset(set.union(*found) - always)


def _between(least: Passage, most: Passage) -> Passage:
    """What the packet filter says where some names are in more sets than others."""
    one, other = least.opinion, most.opinion
    if one.verdict is other.verdict or Reach.NOT_ROUTED in (one.verdict, other.verdict):
        return least
    if Reach.UNKNOWN in (one.verdict, other.verdict):
        return least if one.verdict is Reach.UNKNOWN else most
    worse = least if one.stops and (one.verdict is Reach.BLOCKED or not other.stops) else most
    diverted = tuple(dict.fromkeys((*least.diverted, *most.diverted)))
    return replace(worse, opinion=replace(worse.opinion, verdict=Reach.PARTIAL), diverted=diverted)


def _looked_at(firewall: Firewall) -> Iterator[tuple[str, str]]:
    """The sets that rules compare destinations with."""
    for table in firewall.tables:
        for chain in table.chains.values():
            for step in (step for rule in chain.rules for step in rule.steps):
                if isinstance(step, Match) and isinstance(step.members, NamedSet) and step.expr == Read(Field.DADDR):
                    yield step.members.table, step.members.name


def _holding(firewall: Firewall, targets: frozenset[Target]) -> Firewall:
    """The same rules, where these sets hold every address."""

    def step(one: Step) -> Step:
        if not isinstance(one, Match) or not isinstance(one.members, NamedSet) or one.expr != Read(Field.DADDR):
            return one
        members = one.members
        families = {kin.family for kin in targets if (kin.table, kin.name) == (members.table, members.name)}
        if not families:
            return one
        own = members.holds or members.family
        if own is not None and not families & {None, own}:
            return one
        family = own or (next(iter(families)) if len(families) == 1 else None)
        everything = Intervals.span(0, (1 << (32 if family == 4 else 128)) - 1)
        return replace(one, members=replace(members, elements=IntervalTable(everything), dynamic=False))

    def rule(one: Rule) -> Rule:
        steps = tuple(step(each) for each in one.steps)
        return one if steps == one.steps else replace(one, steps=steps)

    def chain(one: Chain) -> Chain:
        return replace(one, rules=tuple(rule(each) for each in one.rules))

    tables = tuple(
        replace(table, chains={name: chain(one) for name, one in table.chains.items()}) for table in firewall.tables
    )
    return replace(firewall, tables=tables)
