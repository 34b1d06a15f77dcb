"""Writes the rules of a resolver's lists, from the first that is asked to the last."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from agent.model.resolver import BOTH, Fate, NameRule, NameSet, Outcome, RuleList, Scope
from agent.resolvers.filtering.regexes import EVERY, may_meet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.names import Interest
    from agent.model.resolver import Named
    from agent.model.source import Source

LET_THROUGH: Final = Outcome(Fate.GOES_ON, skips=1000)
"""Only the last list is asked, about whom questions are passed on to."""
NEXT: Final = Outcome(Fate.GOES_ON)


class RuleWriter:
    """Stages of rules; those about names of no interest are left out."""

    def __init__(self, interest: Interest) -> None:
        self._interest = interest
        self._stages: list[RuleList] = []
        self._rules: dict[tuple[Named, frozenset[int]], NameRule] = {}
        self._doubts: dict[Named, str] = {}

    def write(
        self,
        names: Iterable[Named],
        outcome: Outcome,
        source: Source | None,
        families: frozenset[int] = BOTH,
    ) -> None:
        """Add what is said of names; the first that is said of the same ones in a stage counts."""
        for one in names:
            if families and self._may_matter(one):
                self._rules.setdefault((one, families), NameRule(one, outcome, source, families))

    def _may_matter(self, names: Named) -> bool:
        if not isinstance(names, NameSet):
            return True
        touches = self._interest.ends_in if names.scope is Scope.WITHIN else self._interest.touches
        return touches(names.text)

    def decide(
        self,
        names: Iterable[Named],
        outcome: Outcome,
        source: Source | None,
        families: frozenset[int] = BOTH,
    ) -> None:
        """Add what is said of names unless something before that is not followed may let them through."""
        for one in names:
            doubt = next((why for names, why in self._doubts.items() if may_meet(names, one)), "")
            self.write((one,), Outcome(Fate.UNKNOWN, because=doubt) if doubt else outcome, source, families)

    def doubt(self, names: Iterable[Named], why: str) -> None:
        """Remember names that may be let through by what is not followed."""
        for one in names:
            self._doubts.setdefault(one, why)

    def may_have_been_let_through(self, name: str) -> bool:
        """Whether a name may not get to what is written now."""
        stages = (*self._stages, RuleList(tuple(self._rules.values())))
        written = (rule.names for stage in stages for rule in stage.rules if rule.outcome == LET_THROUGH)
        return any(name in one for one in (*written, *self._doubts))

    def next_stage(self) -> None:
        """What follows is asked of names of which nothing was said so far, or that go on."""
        if self._rules:
            self._stages.append(RuleList(tuple(self._rules.values())))
        self._rules = {}

    def finished(self) -> tuple[RuleList, ...]:
        """All stages."""
        self.next_stage()
        return tuple(self._stages)


def differing(usual: Sequence[RuleList], special: Sequence[RuleList], why: str, source: Source) -> Iterator[NameRule]:
    """Rules for the names that may fare otherwise by one set of stages than by another: what they get is unknown."""
    outcome = Outcome(Fate.UNKNOWN, because=why)
    mine, others = list(special), list(usual)
    for end in (0, -1):
        while mine and others and mine[end] == others[end]:
            del mine[end], others[end]
    if mine and others and len(mine) != len(others):
        yield NameRule(EVERY, outcome, source)
        return
    for one, other in zip_longest(mine, others, fillvalue=RuleList(())):
        here, there = dict.fromkeys(one.rules), dict.fromkeys(other.rules)
        for rule in (*(each for each in here if each not in there), *(each for each in there if each not in here)):
            yield NameRule(rule.names, outcome, source, rule.families)
