"""Aliases followed as far as this configuration knows: a question begins anew with each target (``query_cname``)."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.resolver import AddressList, Fate, NameSet, Outcome, RuleList, Scope, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.resolver import AddressRule, NameRule, Stage, Way

MAX_HOPS: Final = 11
"""Aliases that follow each other (``max-query-restarts``)."""
NEW: Final = "gateproof-new"
"""A label that no zone has."""
PASSED: Final = Outcome(Fate.PASSED_ON)
ON: Final = Outcome(Fate.GOES_ON)
NOTHING: Final = Outcome(Fate.NODATA, here=True)
"""An alias alone."""
REFUSED: Final = Outcome(Fate.REFUSED)
APEX: Final = NameSet(Scope.EXACT, "")
EVERY_NAME: Final = NameSet(Scope.SUBTREE, "")


@record
class Manner:
    """How aliases are followed for some clients."""

    guard: RuleList
    """Zones that these clients may not see, or that are not there."""
    outside: Outcome | None = None
    """What they get instead of names that others would have to be asked for; None where others are asked."""
    staying: tuple[str, ...] = ()
    """Zones that aliases do not leave."""
    kept: frozenset[int] = frozenset()
    """Families whose addresses are kept back where there are others."""


class Settling:
    """The lists of one kind of clients: policies, then the zones that are served here."""

    def __init__(self, policies: tuple[Stage, ...], local: RuleList, redirect: RuleList, manner: Manner) -> None:
        self._local = local
        self._policies = tuple(self._with_own_addresses(policies))
        self._redirect = redirect
        self._manner = manner
        self.targets: set[str] = set()
        """Names that aliases of served zones lead to; policies count for them."""
        self.gardens: set[str] = set()
        """Names that aliases of policies lead to."""

    def stages(self) -> tuple[Stage, ...]:
        """The same lists, with the ends of aliases."""
        policies = tuple(
            AddressList(tuple(self._of_addresses(stage)), self._local)
            if isinstance(stage, AddressList)
            else RuleList(tuple(self._settled(_rules(stage), rewritten=True)))
            for stage in self._policies
        )
        return (*policies, RuleList(tuple(self._settled(self._local.rules, rewritten=False))))

    def _with_own_addresses(self, policies: tuple[Stage, ...]) -> Iterator[Stage]:
        """Policies for addresses of zones that are served here as policies for names."""
        left = len(policies)
        for before, stage in pairwise((RuleList(()), *policies)):
            left -= 1
            own = self._own_addresses(before, left) if isinstance(before, AddressList) else ()
            yield RuleList((*own, *_rules(stage))) if own else stage

    def _of_addresses(self, stage: AddressList) -> Iterator[AddressRule]:
        for rule in stage.rules:
            outcome = rule.outcome
            if outcome.fate is Fate.ALIAS:
                because = f"zones tell names below {outcome.target[2:]} apart"
                apart = any(
                    "." in names.text for names in self._in_garden(outcome.target)
                )  # others are no public names
                end = self._end(EVERY_NAME, outcome, rule.family, rewritten=True)
                outcome = Outcome(Fate.UNKNOWN, because=because) if apart else end
            if outcome.fate is Fate.ADDRESSES:
                outcome = self._kept(EVERY_NAME, outcome, rule.family, rewritten=True)
            if outcome.fate is Fate.NXDOMAIN:
                outcome = self._for_all(rule.family) or outcome
            yield replace(rule, outcome=outcome)

    def _for_all(self, family: int) -> Outcome | None:
        """What every name gets that does not exist; None where it depends on the name."""
        rules = [one for one in self._redirect.rules if family in one.families and one.plain != APEX]
        return rules[0].outcome if len(rules) == 1 and rules[0].outcome.fate is not Fate.NXDOMAIN else None

    def _own_addresses(self, stage: AddressList, skips: int) -> tuple[NameRule, ...]:
        """What rules about addresses make of those in zones that are served here."""
        found = []
        changed = False
        for rule in self._local.rules:
            outcome = ON
            for family, value in rule.outcome.addresses:
                met = (one for one in stage.rules if one.family == family and value in one.addresses)
                if first := next(met, None):
                    let_through = first.outcome.fate is Fate.GOES_ON
                    outcome = replace(first.outcome, skips=skips) if let_through else first.outcome
                    changed = True
            found.append(replace(rule, outcome=outcome))
        return tuple(found) if changed else ()

    def _settled(self, rules: Sequence[NameRule], *, rewritten: bool) -> Iterator[NameRule]:
        for rule in chain.from_iterable(self._split(one) for one in rules):
            (family, *other) = sorted(rule.families)
            outcome = rule.outcome
            if outcome.fate is Fate.ALIAS and not other:
                outcome = replace(self._end(rule.plain, outcome, family, rewritten=rewritten), here=outcome.here)
            elif outcome.fate is Fate.ADDRESSES and not other:
                outcome = self._kept(rule.plain, outcome, family, rewritten=rewritten)
            found = rule if outcome is rule.outcome else replace(rule, outcome=outcome)
            if rule.outcome.fate is Fate.NXDOMAIN and self._redirect.rules:
                for each in sorted(rule.families):
                    yield from self._redirected(replace(found, families=frozenset({each})), each)
            else:
                yield found

    def _end(self, names: NameSet, outcome: Outcome, family: int, *, rewritten: bool) -> Outcome:
        """What an alias comes to."""
        name = _sample(names)
        rewritten = rewritten or self._by_policies(name, family).let_through
        partial = False
        for _ in range(MAX_HOPS):
            wild = outcome.target.startswith("*.")
            target = f"{name}{outcome.target[1:]}" if wild else outcome.target
            (self.gardens if rewritten else self.targets).add(outcome.target.removeprefix("*."))
            unseen = self._manner.guard.find(target, family)
            if unseen and unseen.outcome.fate is Fate.FAILED:
                return unseen.outcome
            if self._manner.staying and self._zone(target) != self._zone(name):
                return NOTHING
            partial = partial or not wild  # an alias that policies make up for a name is none (``query_rpzcname``)
            if unseen and unseen.outcome == NOTHING:
                return NOTHING if partial else REFUSED
            where = (self._manner.guard, *(() if rewritten else self._policies), self._local)
            found = View(where, PASSED).way(target, family)
            rewritten = rewritten or (found.rule is not None and not found.outcome.here)
            if found.outcome.fate is Fate.PASSED_ON:
                if outside := self._manner.outside:
                    return NOTHING if partial and outside.fate is not Fate.UNKNOWN else outside
                if family in self._manner.kept:
                    return NOTHING
                return Outcome(Fate.ALIAS, target=outcome.target.removeprefix("*."), here=outcome.here)
            if found.outcome.fate is Fate.NXDOMAIN:
                return View((self._redirect,), found.outcome).answer(target, family)[0]
            if found.outcome.fate is not Fate.ALIAS:
                return found.outcome
            name, outcome = target, found.outcome
        return Outcome(Fate.FAILED, because="too many aliases follow each other")

    def _zone(self, name: str) -> str | None:
        """The closest zone that a name is in."""
        return next((zone for zone in self._manner.staying if name in NameSet(Scope.SUBTREE, zone)), None)

    def _split(self, rule: NameRule) -> Iterator[NameRule]:
        """Names that get an alias below a garden each, apart where zones tell these aliases apart."""
        if rule.outcome.fate is Fate.ALIAS and rule.plain.scope is not Scope.EXACT:
            for names in self._in_garden(rule.outcome.target):
                if names.text in rule.plain:
                    yield replace(rule, names=names)
        yield rule

    def _in_garden(self, target: str) -> tuple[NameSet, ...]:
        """Names for which zones hold something below a garden, in the order of their rules."""
        if not target.startswith("*."):
            return ()
        rules = (*self._local.rules, *self._redirect.rules)
        inside = (one.plain for one in rules if one.plain.text.endswith(target[1:]))
        return tuple(dict.fromkeys(NameSet(names.scope, names.text.removesuffix(target[1:])) for names in inside))

    def _kept(self, names: NameSet, outcome: Outcome, family: int, *, rewritten: bool) -> Outcome:
        """Addresses, unless they are kept back because of those of the other family."""
        if family not in self._manner.kept:
            return outcome
        if rewritten:  # it looks for those that others gave for the name, but does not ask
            because = "addresses are kept back where one of the other family is known already"
            return Outcome(Fate.UNKNOWN, because=because)
        others = View((self._local,), PASSED).answer(_sample(names), 10 - family)[0]
        return NOTHING if others.fate is Fate.ADDRESSES else outcome

    def _by_policies(self, name: str, family: int) -> Way:
        return View((*self._policies, RuleList(())), PASSED).way(name, family)

    def _redirected(self, rule: NameRule, family: int) -> Iterator[NameRule]:
        """What names that do not exist get instead: each of them what the zone says that redirects."""
        whole = rule.plain
        for one in self._redirect.rules:
            outcome = (
                rule.outcome if one.outcome.fate is Fate.NXDOMAIN else replace(one.outcome, here=rule.outcome.here)
            )
            if family not in one.families:
                continue
            if whole.scope is Scope.EXACT and whole.text in one.plain:
                yield replace(rule, outcome=outcome)
                return
            if whole.scope is not Scope.EXACT and one.plain.text in whole:
                yield replace(rule, names=one.plain, outcome=outcome)
            elif whole.scope is not Scope.EXACT and one.plain.scope is Scope.BELOW and _sample(whole) in one.plain:
                yield replace(rule, outcome=outcome)
                return
        yield rule


def _rules(stage: Stage) -> tuple[NameRule, ...]:
    return stage.rules if isinstance(stage, RuleList) else ()


def _sample(names: NameSet) -> str:
    if names.scope is Scope.EXACT:
        return names.text
    return f"{NEW}.{names.text}" if names.text else NEW
