"""A resolver as one list: the first rule that fits a question answers it; what no rule fits is passed on.

Every program decides by an order of its own (longest domain, closest zone, first policy); its reader puts the
rules into that order, so that one interpreter serves all.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.network import Listener
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


@record
class NameSet:
    """Names, lower case, without trailing dot."""

    scope: Scope
    text: str

    def __contains__(self, name: str) -> bool:
        """Whether a name of the same spelling belongs to it."""
        match self.scope:
            case Scope.EXACT:
                return name == self.text
            case Scope.SUBTREE:
                return not self.text or name == self.text or name.endswith("." + self.text)
            case Scope.BELOW:
                return not self.text or name.endswith("." + self.text)
            case Scope.WITHIN:
                at = len(name) - len(self.text)
                return at > 0 and name[at - 1] != "." and name.endswith(self.text)


class Fate(StrEnum):
    """What becomes of a question."""

    PASSED_ON = "passed-on"
    """Other servers answer it: the upstreams, or the zone's own."""
    ADDRESSES = "addresses"
    """Answered here with addresses."""
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@record
class Outcome:
    """An answer, and what comes with it."""

    fate: Fate
    addresses: frozenset[tuple[int, int]] = frozenset()
    """Family and value of each."""
    upstreams: frozenset[str] = frozenset()
    """Where it is passed on to: ``address#port``; empty: to the servers of the zone, or not known."""
    because: str = ""
    """Why it is unknown."""


@record
class NameRule:
    """One line: names, the families it answers for, the answer."""

    names: NameSet
    outcome: Outcome
    source: Source | None
    families: frozenset[int] = BOTH


@record
class Nameserver:
    """A server that this host's own programs ask."""

    address: str
    source: Source


@record
class Resolver:
    """A resolver that runs here, or that is switched on."""

    kind: str
    rules: tuple[NameRule, ...]
    """First match; only rules that touch the names of interest are kept."""
    otherwise: Outcome
    """For what no rule fits."""
    listeners: tuple[Listener, ...] = ()
    source: Source | None = None
    """Its configuration."""
    gaps: tuple[Gap, ...] = field(default=())

    def answer(self, name: str, family: int) -> tuple[Outcome, NameRule | None]:
        """Give what becomes of a question for addresses of one family, and the rule that decides (None: no rule)."""
        for rule in self.rules:
            if family in rule.families and name in rule.names:
                return rule.outcome, rule
        return self.otherwise, None
