"""From Pi-hole's lists to rules, in the order in which FTL looks (``FTL_check_blocking`` in dnsmasq_interface.c).

What is allowed, then exact names that are denied, then lists but for what lists allow, then regular expressions. What
nothing is said of goes on to the dnsmasq inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.resolver import BOTH, Fate, NameRule, NameSet, Outcome, RuleList, Scope
from agent.resolvers.block_page import THIS_HOST, answered_with
from agent.resolvers.pihole.patterns import Pattern, pattern
from agent.resolvers.regexes import EVERY, concerned, may_meet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.model.source import Source
    from agent.resolvers.pihole.gravity import Entry, Gravity
    from agent.resolvers.pihole.settings import Settings

LET_THROUGH: Final = Outcome(Fate.GOES_ON, skips=1000)
"""None of Pi-hole's other lists is asked."""
NEXT: Final = Outcome(Fate.GOES_ON)
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
    writer = _Writer(settings, interest)
    for entry in _of(groups, lists.exact_allow):
        writer.allow((NameSet(Scope.EXACT, entry.text),), entry.source)
    for entry in _of(groups, lists.regex_allow):
        writer.expression(entry, allows=True)
    writer.special()
    for entry in _of(groups, lists.exact_deny):
        writer.deny((NameSet(Scope.EXACT, entry.text),), entry.source)
    for entry in _of(groups, lists.antigravity):
        writer.allow((entry.names(),), entry.source)
    for entry in _of(groups, lists.gravity):
        writer.deny((entry.names(),), entry.source)
    for entry in _of(groups, lists.regex_deny):
        writer.expression(entry, allows=False)
    return writer.finished()


def _of(groups: frozenset[str], entries: Iterable[Entry]) -> Iterable[Entry]:
    return (entry for entry in entries if entry.groups & groups)


class _Writer:
    def __init__(self, settings: Settings, interest: Interest) -> None:
        self._settings = settings
        self._interest = interest
        self._stages: list[RuleList] = []
        self._rules: list[NameRule] = []
        self._doubts: list[tuple[NameSet, str]] = []
        """Names that an expression may allow which is not followed."""

    def finished(self) -> tuple[RuleList, ...]:
        self._next_stage()
        return tuple(self._stages)

    def _next_stage(self) -> None:
        if self._rules:
            self._stages.append(RuleList(tuple(self._rules)))
        self._rules = []

    def allow(self, names: Iterable[NameSet], source: Source, families: frozenset[int] = BOTH) -> None:
        """Let names through."""
        self._write(names, LET_THROUGH, source, families)

    def deny(self, names: Iterable[NameSet], source: Source, found: Pattern | None = None) -> None:
        """Block names, unless an earlier expression may allow them."""
        every = tuple(names)
        for family in sorted(found.families if found else BOTH):
            outcome = found.outcome(family, self._settings.own_address(family)) if found else None
            outcome = outcome or blocked(self._settings, family)
            for one in every:
                doubt = next((why for doubtful, why in self._doubts if may_meet(doubtful, one)), "")
                said = Outcome(Fate.UNKNOWN, because=doubt) if doubt else outcome
                self._write((one,), said, source, frozenset({family}))

    def special(self) -> None:
        """Names by which programs ask whether they may go around Pi-hole; its versions differ in what comes first."""
        allowed = [rule.names for stage in (*self._stages, RuleList(tuple(self._rules))) for rule in stage.rules]
        allowed += [names for names, _ in self._doubts]
        found = []
        for key, names in SPECIAL:
            for name in names if self._settings.yes(key) else ():
                outcome = Outcome(Fate.NXDOMAIN)
                if any(name in one for one in allowed):
                    outcome = Outcome(Fate.UNKNOWN, because=f"{name} is allowed, and it is a special domain")
                if self._interest.holds(name):
                    source = self._settings.sources.get(key)
                    found.append(NameRule(NameSet(Scope.EXACT, name), outcome, source))
        if found:
            self._stages.insert(0, RuleList(tuple(found)))

    def expression(self, entry: Entry, *, allows: bool) -> None:
        """A regular expression; where it is not followed, the names that it may be about are unknown."""
        found = pattern(entry.text, self._settings.version)
        if found is None:
            return
        if found.names is None:
            self._not_followed(entry, found, allows=allows)
        elif not found.inverted:
            if allows:
                self.allow(found.names, entry.source, found.families)
            else:
                self.deny(found.names, entry.source, found)
        else:
            self._next_stage()
            self._write(found.names, NEXT, entry.source, BOTH)
            if allows:
                self.allow((EVERY,), entry.source, found.families)
            else:
                self.deny((EVERY,), entry.source, found)
            self._next_stage()

    def _not_followed(self, entry: Entry, found: Pattern, *, allows: bool) -> None:
        why = f"the regular expression {found.text} is not followed"
        names = (EVERY,) if found.inverted else concerned(found.text)
        if allows:
            self._doubts += [(one, why) for one in names]
        else:
            self._write(names, Outcome(Fate.UNKNOWN, because=why), entry.source, found.families)

    def _write(self, names: Iterable[NameSet], outcome: Outcome, source: Source, families: frozenset[int]) -> None:
        for one in names:
            touches = self._interest.ends_in if one.scope is Scope.WITHIN else self._interest.touches
            if families and touches(one.text):
                self._rules.append(NameRule(one, outcome, source, families))
