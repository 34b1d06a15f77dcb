"""Aliases followed as far as this configuration knows: a question begins anew with each target (``query_cname``)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.resolver import AddressList, Fate, NameSet, Outcome, RuleList, Scope, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.resolver import NameRule, Stage, Way

MAX_HOPS: Final = 11
"""Aliases that follow each other (``max-query-restarts``)."""
NEW: Final = "gateproof-new"
"""A label that no zone has."""
PASSED: Final = Outcome(Fate.PASSED_ON)
EVERY_NAME: Final = NameSet(Scope.SUBTREE, "")


class Settling:
    """The lists of one kind of clients: policies, then the zones that are served here."""

    def __init__(
        self,
        policies: tuple[Stage, ...],
        local: RuleList,
        redirect: RuleList,
        staying: tuple[str, ...] | None,
        kept: tuple[int, ...],
    ) -> None:
        """``staying``: where other servers are not asked, the zones that aliases do not leave.

        ``kept``: families whose addresses are kept back where there are others.
        """
        self._policies = policies
        self._local = local
        self._redirect = redirect
        self._staying = staying
        self._kept = kept
        self.targets: dict[str, None] = {}
        """Names that aliases of served zones lead to; policies count for them."""
        self.gardens: dict[str, None] = {}
        """Names that aliases of policies lead to."""

    def stages(self) -> tuple[Stage, ...]:
        """The same lists, with the ends of aliases."""
        policies = tuple(self._policy(stage) for stage in self._policies)
        return (*policies, RuleList(tuple(self._settled(self._local.rules, rewritten=False))))

    def _policy(self, stage: Stage) -> Stage:
        if isinstance(stage, RuleList):
            return RuleList(tuple(self._settled(stage.rules, rewritten=True)))
        if not isinstance(stage, AddressList):
            return stage
        rules = []
        for rule in stage.rules:
            outcome = rule.outcome
            if outcome.fate is Fate.ALIAS and not outcome.target.startswith("*."):
                outcome = self._end(EVERY_NAME, outcome, rule.family, rewritten=True)
            rules.append(replace(rule, outcome=outcome))
        return replace(stage, rules=tuple(rules))

    def _settled(self, rules: Sequence[NameRule], *, rewritten: bool) -> Iterator[NameRule]:
        for rule in rules:
            (family, *other) = sorted(rule.families)
            outcome = rule.outcome
            if outcome.fate is Fate.ALIAS and not other:
                outcome = self._end(rule.names, outcome, family, rewritten=rewritten)
            elif outcome.fate is Fate.ADDRESSES and not rewritten:
                outcome = self._checked(rule.names, outcome, family)
            if outcome.fate is Fate.NXDOMAIN and self._redirect.rules:
                for each in sorted(rule.families):
                    yield replace(rule, outcome=self._redirected(rule.names, outcome, each), families=frozenset({each}))
            else:
                yield rule if outcome is rule.outcome else replace(rule, outcome=outcome)

    def _end(self, names: NameSet, outcome: Outcome, family: int, *, rewritten: bool) -> Outcome:
        """What an alias comes to."""
        name = _sample(names)
        rewritten = rewritten or self._by_policies(name, family).let_through
        for _ in range(MAX_HOPS):
            wild = outcome.target.startswith("*.")
            target = f"{name}{outcome.target[1:]}" if wild else outcome.target
            if wild and self._differs(names, outcome.target[2:]):
                return Outcome(Fate.UNKNOWN, because=f"names below {outcome.target[2:]} differ")
            (self.gardens if rewritten else self.targets)[outcome.target.removeprefix("*.")] = None
            if self._staying and self._zone(target) != self._zone(name):
                return Outcome(Fate.NODATA, here=True)
            where = (self._local,) if rewritten else (*self._policies, self._local)
            found = View(where, PASSED).way(target, family)
            rewritten = rewritten or (found.rule is not None and not found.outcome.here)
            if found.outcome.fate is Fate.PASSED_ON:
                if self._staying is not None or family in self._kept:
                    return Outcome(Fate.NODATA, here=True)
                return Outcome(Fate.ALIAS, target=outcome.target.removeprefix("*."), here=outcome.here)
            if found.outcome.fate is not Fate.ALIAS:
                return found.outcome
            name, outcome = target, found.outcome
        return Outcome(Fate.UNKNOWN, because="aliases lead round in a circle")

    def _zone(self, name: str) -> str | None:
        """The closest zone that a name is in."""
        return next((zone for zone in self._staying or () if name in NameSet(Scope.SUBTREE, zone)), None)

    def _differs(self, names: NameSet, garden: str) -> bool:
        """Whether zones tell names below a garden apart that a rule does not."""
        if names.scope is Scope.EXACT:
            return False
        below = f".{names.text}.{garden}" if names.text else f".{garden}"
        return any(rule.names.text.endswith(below) for rule in self._local.rules)

    def _by_policies(self, name: str, family: int) -> Way:
        return View((*self._policies, RuleList(())), PASSED).way(name, family)

    def _checked(self, names: NameSet, outcome: Outcome, family: int) -> Outcome:
        """Policies count for addresses in zones that are served here as well."""
        for rule in self._by_policies(_sample(names), family).met:
            if rule.family == family and any(value in rule.addresses for _, value in outcome.addresses):
                return outcome if rule.outcome.fate is Fate.GOES_ON else replace(rule.outcome, here=True)
        return outcome

    def _redirected(self, names: NameSet, outcome: Outcome, family: int) -> Outcome:
        found, _ = View((self._redirect,), outcome).answer(_sample(names), family)
        return outcome if found.fate is Fate.NXDOMAIN else found


def _sample(names: NameSet) -> str:
    if names.scope is Scope.EXACT:
        return names.text
    return f"{NEW}.{names.text}" if names.text else NEW
