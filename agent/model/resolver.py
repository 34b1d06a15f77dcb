"""A resolver as one list: the first rule that fits a question answers it; what no rule fits is passed on.

Every program decides by an order of its own (longest domain, closest zone, first policy); its reader puts the
rules into that order, so that one interpreter serves all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import field
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from agent.model.intervals import Intervals
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.naming import Mistake
    from agent.model.network import Listener
    from agent.model.regular import Pattern
    from agent.model.source import Gap, Source

BOTH: Final = frozenset({4, 6})
"""Questions for IPv4 addresses (type A) and for IPv6 addresses (AAAA)."""


class Scope(StrEnum):
    """Which names a name stands for."""

    EXACT = "exact"
    SUBTREE = "subtree"
    """The name and all below it; the empty name stands for every name."""
    BELOW = "below"
    """All below the name, without itself."""
    WITHIN = "within"
    """All that end in these characters without their beginning a label."""
    ORDERED = "ordered"
    """The name; and how names without an entry fare depends on whether they come before or after it."""


@record
class NameSet:
    """Names, lower case, without trailing dot."""

    scope: Scope
    text: str

    def __contains__(self, name: str) -> bool:
        """Whether a name of the same spelling belongs to it."""
        match self.scope:
            case Scope.EXACT | Scope.ORDERED:
                return name == self.text
            case Scope.SUBTREE:
                return not self.text or name == self.text or name.endswith("." + self.text)
            case Scope.BELOW:
                return not self.text or name.endswith("." + self.text)
            case Scope.WITHIN:
                at = len(name) - len(self.text)
                return at > 0 and name[at - 1] != "." and name.endswith(self.text)


Named: TypeAlias = "NameSet | Pattern"
"""How a rule says which names it is about."""


@record
class AnyOf:
    """Names that one of some patterns matches: which of them does not matter."""

    patterns: tuple[Pattern, ...]

    def __contains__(self, name: str) -> bool:
        """Whether a name belongs to one."""
        return any(name in one for one in self.patterns)


def meet(one: NameSet, other: NameSet) -> NameSet | None:
    """The names that are in both of two sets that are single names or trees."""
    if Scope.EXACT in (one.scope, other.scope):
        single, rest = (one, other) if one.scope is Scope.EXACT else (other, one)
        return single if single.text in rest else None
    if one.text == other.text:
        return one if one.scope is Scope.BELOW else other
    if other.text in NameSet(Scope.SUBTREE, one.text):
        return other
    return one if one.text in NameSet(Scope.SUBTREE, other.text) else None


class Fate(StrEnum):
    """What becomes of a question."""

    PASSED_ON = "passed-on"
    """Other servers answer it: the upstreams, or the zone's own."""
    ADDRESSES = "addresses"
    """Answered here with addresses."""
    ALIAS = "alias"
    """Answered with the addresses of another name, for which other servers are asked."""
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    REFUSED = "refused"
    DROPPED = "dropped"
    """No answer at all."""
    FAILED = "failed"
    """An answer that says no more than that there is none (SERVFAIL)."""
    UNKNOWN = "unknown"
    GOES_ON = "goes-on"
    """This list has nothing more to say: the next one decides."""


@record
class Outcome:
    """An answer, and what comes with it."""

    fate: Fate
    addresses: frozenset[tuple[int, int]] = frozenset()
    """Family and value of each."""
    upstreams: frozenset[str] = frozenset()
    """Where it is passed on to: ``address#port``; empty: to the servers of the zone, or not known."""
    target: str = ""
    """The name behind an alias."""
    because: str = ""
    """Why it is unknown."""
    tentative: bool = False
    """It holds unless one of the next lists, but for the last, has another answer than addresses."""
    here: bool = False
    """It stands in a zone that is served here: no answer of other servers comes before it."""
    skips: int = 0
    """How many of the next lists are not asked; the last, about whom questions are passed on to, always is."""
    settled: bool = False
    """Nobody looks at its aliases and addresses any more."""


@record
class NameRule:
    """One line: names, the families it answers for, the answer."""

    names: NameSet | Pattern
    outcome: Outcome
    source: Source | None
    families: frozenset[int] = BOTH

    @property
    def plain(self) -> NameSet:
        """Its names, for readers of programs that know no patterns; raises TypeError for one."""
        if not isinstance(self.names, NameSet):
            raise TypeError(f"a pattern: {self.names.text}")
        return self.names


@record
class RuleList:
    """Rules of which the first that fits decides."""

    rules: tuple[NameRule, ...]

    @property
    def sets(self) -> Iterator[NameSet | AnyOf]:
        """What tells names apart; patterns one after the other that have the same outcome do so together."""
        names = [rule.names for rule in self.rules if isinstance(rule.names, NameSet)]
        yield from names
        for family in sorted(BOTH) if len(names) < len(self.rules) else ():
            asked = (rule for rule in self.rules if family in rule.families)
            for _, alike in groupby(asked, key=lambda rule: rule.outcome):
                if patterns := tuple(rule.names for rule in alike if not isinstance(rule.names, NameSet)):
                    yield AnyOf(patterns)

    def find(self, name: str, family: int) -> NameRule | None:
        """Give the rule that decides about a question, if any."""
        return next((one for one in self.rules if family in one.families and name in one.names), None)


@record
class TriggerTree:
    """Entries for single names and for ``*.name``, in Unbound's order.

    A name without an entry gets the wildcard of the ancestor that it shares with the entry before it, and no other.
    """

    entries: tuple[tuple[NameRule, ...], ...]
    """For each name its rules, one for each family."""
    keys: tuple[tuple[tuple[int, str], ...], ...]

    @classmethod
    def of(cls, entries: Iterable[tuple[NameRule, ...]]) -> TriggerTree:
        """Make a tree; each entry is about one name."""
        found = sorted(entries, key=lambda rules: order(rules[0].names.text))
        return cls(tuple(found), tuple(order(rules[0].names.text) for rules in found))

    @property
    def sets(self) -> Iterator[NameSet]:
        """What tells names apart."""
        names = (rules[0].names.text for rules in self.entries)
        return (NameSet(Scope.ORDERED, name.removeprefix("*").removeprefix(".")) for name in names)

    def find(self, name: str, family: int) -> NameRule | None:
        """Give the entry that decides about a question, if any."""
        wanted = order(name)
        at = bisect_right(self.keys, wanted) - 1
        if at < 0:
            return None
        if self.keys[at] != wanted:
            before = self.keys[at]
            shared = next((i for i, pair in enumerate(zip(wanted, before, strict=False)) if pair[0] != pair[1]), None)
            shared = min(len(wanted), len(before)) if shared is None else shared
            wildcard = (*wanted[:shared], (1, "*"))
            at = bisect_left(self.keys, wildcard)
            if at == len(self.keys) or self.keys[at] != wildcard:
                return None
        return next((rule for rule in self.entries[at] if family in rule.families), None)


@record
class AddressRule:
    """What becomes of an answer of other servers that has one of these addresses (IP triggers of policy zones)."""

    family: int
    addresses: Intervals
    outcome: Outcome
    source: Source | None


@record
class AddressList:
    """Rules about the addresses in answers of other servers; it comes before the stages that it wins over."""

    rules: tuple[AddressRule, ...]
    unless: RuleList = RuleList(())
    """Names for which these do not count, as nobody is asked for them: all that it decides about."""

    @property
    def sets(self) -> Iterator[NameSet | AnyOf]:
        """What tells names apart."""
        return self.unless.sets

    def met_by(self, name: str, family: int) -> tuple[AddressRule, ...]:
        """Give the rules that an answer to a question meets."""
        rule = self.unless.find(name, family)
        return self.rules if rule is None or rule.outcome.fate is Fate.GOES_ON else ()

    def find(self, _name: str, _family: int) -> None:
        """No name is decided here."""
        return


Stage = RuleList | TriggerTree | AddressList


def _rules(stage: Stage) -> Iterator[NameRule]:
    """Every rule of a stage that is about names."""
    if isinstance(stage, AddressList):
        return iter(())
    if isinstance(stage, RuleList):
        return iter(stage.rules)
    return (rule for entry in stage.entries for rule in entry)


def order(name: str) -> tuple[tuple[int, str], ...]:
    """The place of a name in Unbound's order: by labels from the right, short ones first (``dname_lab_cmp``)."""
    return tuple((len(label), label) for label in reversed(name.split("."))) if name else ()


@record
class Way:
    """What became of a question, and what its answer goes through where that comes from other servers."""

    outcome: Outcome
    rule: NameRule | None
    """What decides; None: no rule."""
    met: tuple[AddressRule, ...] = ()
    """Rules about addresses on the way, which win over what decided; those that were passed over are not met."""
    let_through: bool = False
    """A rule passed over others; of the chain, aliases in the answer then go through ``chain_let_through`` alone."""


@record
class View:
    """What some clients get: lists of rules one after the other, and in each the first that fits."""

    stages: tuple[Stage, ...]
    """Only rules that touch the names of interest are kept."""
    otherwise: Outcome
    """For what no rule fits."""
    clients: tuple[tuple[int, Intervals], ...] | None = None
    """Family and addresses; None: all whom no other view has."""
    source: Source | None = None
    """What sends these clients here."""
    chain: tuple[Stage, ...] = ()
    """Stages that the aliases in an answer of other servers go through as well, each name of the chain in turn."""
    chain_let_through: tuple[Stage, ...] = ()
    """Those of the chain that no rule passes over: zones that are served here."""
    chain_uncached: bool = False
    """Aliases that are in its cache already go through no chain: what that decides is met now and then."""
    failing: tuple[Stage, ...] = ()
    """Lists of aliases' targets and of addresses with which an answer of other servers counts as none, whoever asks."""

    def by_alias(self, decider: NameRule | None) -> tuple[Stage, ...]:
        """Give the stages that an alias goes through after a rule that passed a question on (None: no rule).

        A rule of the chain itself leaves an alias to the stages before its own.
        """
        if decider is not None and decider.outcome.settled:
            return ()
        for at, stage in enumerate(self.chain):
            if decider is not None and any(rule is decider for rule in _rules(stage)):
                return self.chain[:at]
        return self.chain

    def answer(self, name: str, family: int) -> tuple[Outcome, NameRule | None]:
        """Give what becomes of a question for addresses of one family, and the rule that decides (None: no rule)."""
        found = self.way(name, family)
        return found.outcome, found.rule

    def way(self, name: str, family: int) -> Way:
        """Give the same, with what an answer of other servers meets on the way."""
        held: NameRule | None = None
        met: list[AddressRule] = []
        let_through = False
        last = len(self.stages) - 1
        at = 0
        while at <= last and not (held and at == last):
            stage = self.stages[at]
            if isinstance(stage, AddressList):
                met += stage.met_by(name, family)
            rule = stage.find(name, family)
            skips = 0
            if rule is not None:
                if rule.outcome.tentative:
                    held = rule
                elif rule.outcome.fate is not Fate.GOES_ON:
                    rule = held if held and rule.outcome.fate is Fate.ADDRESSES else rule
                    return Way(rule.outcome, rule, () if rule.outcome.here else tuple(met), let_through)
                skips = rule.outcome.skips
                let_through = let_through or skips > 0
            at = at + 1 if at == last else min(at + 1 + skips, last)
        return Way(held.outcome if held else self.otherwise, held, tuple(met), let_through)

    @property
    def serves(self) -> bool:
        """Whether these clients get answers at all."""
        return bool(self.stages) or self.otherwise.fate not in (Fate.REFUSED, Fate.DROPPED)


@record
class Safety:
    """How a resolver guards itself against forged answers."""

    validates: bool | None = None
    """Whether it checks DNSSEC; None where that is not known."""
    validation: Source | None = None
    """The line that says so; None: it is the program's default."""
    fixed_port: Source | None = None
    """The line that has its own questions leave from one port."""


@record
class Resolver:
    """A resolver that runs here, or that is switched on."""

    kind: str
    views: tuple[View, ...]
    """No client is in two of them; the last is for all others."""
    listeners: tuple[Listener, ...] = ()
    source: Source | None = None
    """Its configuration."""
    gaps: tuple[Gap, ...] = field(default=())
    addresses: tuple[str, ...] = ()
    """Those of the network namespace that it runs in; empty where that is this host's."""
    mistakes: tuple[Mistake, ...] = ()
    safety: Safety = Safety()

    def views_of(self, family: int, clients: Intervals) -> tuple[View, ...]:
        """Give the views that these clients see."""
        found = []
        left = clients
        for view in self.views:
            mine = left if view.clients is None else dict(view.clients).get(family, Intervals())
            if mine & left:
                found.append(view)
                left -= mine
        return tuple(found)
