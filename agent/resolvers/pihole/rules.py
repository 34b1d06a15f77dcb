"""From Pi-hole's lists to rules, in the order in which FTL looks (``FTL_check_blocking`` in dnsmasq_interface.c).

What is allowed, then exact names that are denied, then lists but for what lists allow, then regular expressions. What
nothing is said of goes on to the dnsmasq inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.resolver import BOTH, Fate, NameRule, NameSet, Outcome, RuleList, Scope
from agent.resolvers.filtering.block_page import THIS_HOST, answered_with
from agent.resolvers.filtering.regexes import EVERY, concerned
from agent.resolvers.filtering.writer import LET_THROUGH, NEXT, RuleWriter
from agent.resolvers.pihole.patterns import Expression, expression

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.model.resolver import Named
    from agent.model.source import Source
    from agent.resolvers.pihole.gravity import Entry, Gravity
    from agent.resolvers.pihole.settings import Settings

MOZILLA: Final = ("use-application-dns.net",)
ICLOUD: Final = ("mask.icloud.com", "mask-h2.icloud.com")
SPECIAL: Final = (
    ("dns.specialDomains.mozillaCanary", MOZILLA), ("dns.specialDomains.iCloudPrivateRelay", ICLOUD),
)  # fmt: skip


def blocked(settings: Settings, family: int) -> Outcome:
    """How a question for a blocked name is answered (``FTL_make_answer``)."""
    own = settings.own_address(family) or THIS_HOST[family]
    match settings.mode:
        case "NXDOMAIN":
            return Outcome(Fate.NXDOMAIN)
        case "NODATA":
            return Outcome(Fate.NODATA)
        case "IP-NODATA-AAAA" if family == 6:
            return Outcome(Fate.NODATA)
        case "IP" | "IP-NODATA-AAAA":
            return answered_with((own,))
        case _:
            return answered_with((THIS_HOST[family],))


def stages(lists: Gravity, groups: frozenset[str], settings: Settings, interest: Interest) -> tuple[RuleList, ...]:
    """The lists for clients of some groups."""
    found = _Lists(settings, interest)
    for entry in _of(groups, lists.exact_allow):
        found.allow((NameSet(Scope.EXACT, entry.text),), entry.source)
    for entry in _of(groups, lists.regex_allow):
        found.expression(entry, allows=True)
    found.special()
    for entry in _of(groups, lists.exact_deny):
        found.deny((NameSet(Scope.EXACT, entry.text),), entry.source)
    for entry in _of(groups, lists.antigravity):
        found.allow((entry.names(),), entry.source)
    for entry in _of(groups, lists.gravity):
        found.deny((entry.names(),), entry.source)
    for entry in _of(groups, lists.regex_deny):
        found.expression(entry, allows=False)
    return found.finished()


def _of(groups: frozenset[str], entries: Iterable[Entry]) -> Iterable[Entry]:
    return (entry for entry in entries if entry.groups & groups)


class _Lists:
    def __init__(self, settings: Settings, interest: Interest) -> None:
        self._settings = settings
        self._interest = interest
        self._writer = RuleWriter(interest)
        self._special: list[NameRule] = []

    def finished(self) -> tuple[RuleList, ...]:
        first = (RuleList(tuple(self._special)),) if self._special else ()
        return (*first, *self._writer.finished())

    def allow(self, names: Iterable[Named], source: Source, families: frozenset[int] = BOTH) -> None:
        self._writer.write(names, LET_THROUGH, source, families)

    def deny(self, names: Iterable[Named], source: Source, found: Expression | None = None) -> None:
        every = tuple(names)
        for family in sorted(found.families if found else BOTH):
            outcome = found.outcome(family, self._settings.own_address(family)) if found else None
            self._writer.decide(every, outcome or blocked(self._settings, family), source, frozenset({family}))

    def special(self) -> None:
        """Names by which programs ask whether they may go around Pi-hole; its versions differ in what comes first."""
        for key, names in SPECIAL:
            for name in names if self._settings.yes(key) else ():
                outcome = Outcome(Fate.NXDOMAIN)
                if self._writer.may_have_been_let_through(name):
                    outcome = Outcome(Fate.UNKNOWN, because=f"{name} is allowed, and it is a special domain")
                if self._interest.holds(name):
                    source = self._settings.sources.get(key)
                    self._special.append(NameRule(NameSet(Scope.EXACT, name), outcome, source))

    def expression(self, entry: Entry, *, allows: bool) -> None:
        """A regular expression; where it is not followed, the names that it may be about are unknown."""
        found = expression(entry.text, self._settings.version)
        if found is None:
            return
        if found.names is None:
            self._not_followed(entry, found, allows=allows)
            return
        names = found.names
        if found.inverted:
            self._writer.next_stage()
            self._writer.write(names, NEXT, entry.source)
            names = (EVERY,)
        if allows:
            self.allow(names, entry.source, found.families)
        else:
            self.deny(names, entry.source, found)
        if found.inverted:
            self._writer.next_stage()

    def _not_followed(self, entry: Entry, found: Expression, *, allows: bool) -> None:
        why = f"the regular expression {found.text} is not followed"
        names = (EVERY,) if found.inverted else concerned(found.text)
        if allows:
            self._writer.doubt(names, why)
        else:
            self._writer.write(names, Outcome(Fate.UNKNOWN, because=why), entry.source, found.families)
