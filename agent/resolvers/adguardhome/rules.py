"""From what AdGuard Home is told to the rules for some clients, in the order in which it looks.

Rewrites, the hosts file, lists of what is allowed, rules that rewrite, then the rules that block: an important
exception wins over an important rule, that over an exception, and that over a rule; hosts lines come last
(``CheckHost`` and ``matchHost`` in its filtering package, ``IsHigherPriority`` in urlfilter).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import as_address
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.resolver import Fate, NameSet, Outcome, Scope
from agent.resolvers.adguardhome.patterns import names_of
from agent.resolvers.adguardhome.rewriting import Rewrite
from agent.resolvers.filtering.block_page import THIS_HOST, answered_with
from agent.resolvers.filtering.regexes import EVERY, may_meet
from agent.resolvers.filtering.writer import LET_THROUGH, NEXT, RuleWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.names import Interest
    from agent.model.resolver import Named, RuleList
    from agent.model.source import Source
    from agent.resolvers.adguardhome.lines import FilterRule, HostLine, Who
    from agent.resolvers.adguardhome.lists import Lists

NOTHING: Final = Rewrite()
"""What an exception says that switches off all rules that rewrite."""
CODES: Final = {"nxdomain": Outcome(Fate.NXDOMAIN), "refused": Outcome(Fate.REFUSED)}


@record
class Asker:
    """A kind of clients: what rules may say of it."""

    name: str = ""
    tags: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()
    """Blocks of addresses that rules speak of and that these clients are in, as they are written."""

    def is_meant(self, who: Who, mine: frozenset[str]) -> bool:
        """Whether a rule for some clients or tags is for these, who are known by some words."""
        return not mine.intersection(who.but) and (not who.given or bool(mine.intersection(who.given)))

    def obeys(self, rule: FilterRule) -> bool:
        """Whether a rule is for these clients."""
        return self.is_meant(rule.clients, self.blocks | {self.name} - {""}) and self.is_meant(rule.tags, self.tags)


@record
class Blocking:
    """How questions for blocked names are answered."""

    mode: str
    addresses: tuple[tuple[int, int], ...] = ()

    def outcome(self, family: int, given: frozenset[tuple[int, int]] = frozenset()) -> Outcome:
        """The answer for a family, where a hosts line gives addresses."""
        if fixed := CODES.get(self.mode):
            return fixed
        own = [one for one in self.addresses if one[0] == family] if self.mode == "custom_ip" else ()
        hosts = [one for one in given if one[0] == family] if self.mode == "default" else ()
        return answered_with(own or hosts or (THIS_HOST[family],))


@record
class _Known:
    """A rule with the names that it is about, or among which these are."""

    rule: FilterRule
    names: tuple[Named, ...]
    followed: bool


class FilterWriter:
    """Writes the rules of lists for one kind of clients."""

    def __init__(self, asker: Asker, blocking: Blocking, interest: Interest) -> None:
        self._asker = asker
        self._blocking = blocking
        self._writer = RuleWriter(interest)

    @property
    def writer(self) -> RuleWriter:
        """For what else is said of names."""
        return self._writer

    def finished(self) -> tuple[RuleList, ...]:
        """All stages."""
        return self._writer.finished()

    def allowed(self, lists: Lists) -> None:
        """Lists of what is allowed: all that they speak of goes through."""
        for one in _without_bad(self._known(lists.rules)):
            if one.rule.rewrite is None:
                self._exception(one)
        for line in lists.hosts:
            self._writer.write(_whole(line), LET_THROUGH, line.source)
        self._writer.next_stage()

    def rewriting(self, lists: Lists) -> None:
        """Rules that say what is answered; an alias and a refusal come before addresses."""
        known = [one for one in self._known(lists.rules) if one.rule.rewrite is not None]
        exceptions = [one for one in known if one.rule.exception]
        said = [each for one in known if not one.rule.exception for each in _rewritten(one, known)]
        for each in sorted(said, key=lambda one: one.place):
            touching = [one for one in exceptions if _meet(one, each.known)]
            without = [
                one for one in touching if one.followed and one.rule.rewrite in (NOTHING, each.known.rule.rewrite)
            ]
            self._but_for(each.known, without, each.itself)
            for one in touching:
                if one not in without:  # versions differ in what an exception with another value is about
                    names = one.names if _is_closer(one, each.known) else each.known.names
                    self._writer.write(names, _not_followed(one), one.rule.source, one.rule.families & each.families)
            self._writer.decide(each.known.names, each.outcome, each.known.rule.source, each.families)
            if touching or each.itself or each.known.rule.denyallow:
                self._writer.next_stage()
        self._writer.next_stage()

    def blocked(self, lists: Lists) -> None:
        """Rules that block, and their exceptions."""
        known = [one for one in _without_bad(self._known(lists.rules)) if one.rule.rewrite is None]
        for important in (True, False):
            for exception in (True, False):
                for one in known:
                    if one.rule.important is important and one.rule.exception is exception:
                        self._exception(one) if exception else self._block(one)
        self._hosts(lists.hosts)
        self._writer.next_stage()

    def _hosts(self, lines: Iterable[HostLine]) -> None:
        addresses: dict[str, dict[tuple[int, int], Source]] = defaultdict(dict)
        for line in lines:
            for name in line.names:
                if name == name.lower():  # names are asked for in small letters
                    addresses[name].setdefault(line.address, line.source)
        for name, given in addresses.items():
            for family in (4, 6):
                outcome = self._blocking.outcome(family, frozenset(given))
                source = next((at for one, at in given.items() if one[0] == family), next(iter(given.values())))
                self._writer.decide((NameSet(Scope.EXACT, name),), outcome, source, frozenset({family}))

    def _known(self, rules: Iterable[FilterRule]) -> list[_Known]:
        """The rules for these clients, with their names."""
        return [_Known(one, *names_of(one.pattern)) for one in rules if self._asker.obeys(one)]

    def _exception(self, one: _Known) -> None:
        if not one.followed:
            self._writer.doubt(one.names, str(_not_followed(one).because))
        else:
            self._but_for(one)
            self._writer.write(one.names, LET_THROUGH, one.rule.source, one.rule.families)
            self._since(one)

    def _block(self, one: _Known) -> None:
        self._but_for(one)
        for family in sorted(one.rule.families):
            outcome = self._blocking.outcome(family) if one.followed else _not_followed(one)
            self._writer.decide(one.names, outcome, one.rule.source, frozenset({family}))
        self._since(one)

    def _but_for(self, one: _Known, without: Sequence[_Known] = (), itself: str = "") -> None:
        """Let names that a rule is not about go on to the next one: its own, and those of exceptions."""
        if one.rule.denyallow or without or itself:
            self._writer.next_stage()
        for name in one.rule.denyallow:
            if name.endswith(".*"):
                outcome = Outcome(Fate.UNKNOWN, because=f"{name} is not followed")
                self._writer.write((EVERY,), outcome, one.rule.source)
            else:
                self._writer.write((NameSet(Scope.SUBTREE, name),), NEXT, one.rule.source)
        for each in without:
            self._writer.write(each.names, NEXT, each.rule.source, each.rule.families)
        if itself:
            self._writer.write((NameSet(Scope.EXACT, itself),), NEXT, one.rule.source)

    def _since(self, one: _Known) -> None:
        if one.rule.denyallow:
            self._writer.next_stage()


@record
class _Said:
    """What a rule that rewrites says; what stops a client has the first place."""

    place: int
    known: _Known
    outcome: Outcome
    families: frozenset[int]
    itself: str = ""
    """A name that is rewritten to itself, so not at all."""


def _rewritten(one: _Known, known: Sequence[_Known]) -> Iterator[_Said]:
    said, families = one.rule.rewrite, one.rule.families
    if said is None:
        return
    if not one.followed:
        yield _Said(1, one, _not_followed(one), families)
    elif said.name:
        itself = said.name if any(said.name in names for names in one.names) else ""
        yield _Said(1, one, Outcome(Fate.ALIAS, target=said.name), families, itself)
    elif said.address is None:
        yield _Said(4 if said.fate is Fate.NODATA else 1, one, Outcome(said.fate), families)
    else:
        alike = (each.rule.rewrite for each in known if each.names == one.names and not each.rule.exception)
        every = {each.address for each in alike if each and each.address}
        for family in sorted(families):
            mine = frozenset(address for address in every if address[0] == family)
            outcome = Outcome(Fate.ADDRESSES, mine) if mine else Outcome(Fate.NODATA)
            place = 4 if not mine else 2 if any(value not in PUBLIC[family] for _, value in mine) else 3
            yield _Said(place, one, outcome, frozenset({family}))


def _whole(line: HostLine) -> list[NameSet]:
    return [NameSet(Scope.EXACT, name) for name in line.names if name == name.lower()]


def _not_followed(one: _Known) -> Outcome:
    return Outcome(Fate.UNKNOWN, because=f"the pattern {one.rule.pattern} is not followed")


def _without_bad(known: Sequence[_Known]) -> Iterator[_Known]:
    """The rules but for those that another switches off by ``$badfilter`` (``removeBadfilterRules``).

    It does so for the questions that it is about itself. Where another such rule is about the same name, what was
    switched off comes back in some versions.
    """
    bad = [one for one in known if one.rule.badfilter]
    for one in known:
        if one.rule.badfilter:
            continue
        negating = [each for each in bad if _negates(each.rule, one.rule)]
        others = [each for each in bad if each not in negating and _meet(each, one)]
        left = one.rule.families.difference(*(each.rule.families for each in negating))
        if not negating:
            yield one
        elif others or any(each.rule.denyallow for each in negating):
            yield _Known(one.rule, one.names, followed=False)
        elif left:
            yield _Known(replace(one.rule, families=left), one.names, one.followed)


def _meet(one: _Known, other: _Known) -> bool:
    return any(may_meet(a, b) for a in one.names for b in other.names)


def _is_closer(one: _Known, other: _Known) -> bool:
    """Whether a rule is surely about fewer names than another, of two that share some."""
    mine, others = ([names for names in known.names if isinstance(names, NameSet)] for known in (one, other))
    if len(mine) < len(one.names) or len(others) < len(other.names):
        return False  # patterns
    return min(len(names.text) for names in mine) > max(len(names.text) for names in others)


def _negates(bad: FilterRule, rule: FilterRule) -> bool:
    same = (bad.pattern, bad.exception, bad.important, bad.clients, bad.tags)
    return same == (rule.pattern, rule.exception, rule.important, rule.clients, rule.tags)


def custom(ipv4: str, ipv6: str) -> tuple[tuple[int, int], ...]:
    """The addresses of a page that says why."""
    return tuple(found for text in (ipv4, ipv6) if (found := as_address(text)))
