"""A resolver as one list: the first rule that fits a question answers it; what no rule fits is passed on.

Every program decides by an order of its own (longest domain, closest zone, first policy); its reader puts the
rules into that order, so that one interpreter serves all.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals
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
    ALIAS = "alias"
    """Answered with the addresses of another name, for which other servers are asked."""
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    REFUSED = "refused"
    DROPPED = "dropped"
    """No answer at all."""
    UNKNOWN = "unknown"
    GOES_ON = "goes-on"
    """This list has nothing more to say: the next one decides."""
    GOES_OUT = "goes-out"
    """No list of this resolver says more: the last, about whom questions are passed on to, decides."""


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
class View:
    """What some clients get: lists of rules one after the other, and in each the first that fits."""

    stages: tuple[tuple[NameRule, ...], ...]
    """Only rules that touch the names of interest are kept."""
    otherwise: Outcome
    """For what no rule fits."""
    clients: tuple[tuple[int, Intervals], ...] | None = None
    """Family and addresses; None: all whom no other view has."""
    source: Source | None = None
    """What sends these clients here."""

    def answer(self, name: str, family: int) -> tuple[Outcome, NameRule | None]:
        """Give what becomes of a question for addresses of one family, and the rule that decides (None: no rule)."""
        out = False
        for at, stage in enumerate(self.stages, 1):
            if out and at < len(self.stages):
                continue
            rule = next((one for one in stage if family in one.families and name in one.names), None)
            if rule is not None and rule.outcome.fate not in (Fate.GOES_ON, Fate.GOES_OUT):
                return rule.outcome, rule
            out = out or (rule is not None and rule.outcome.fate is Fate.GOES_OUT)
        return self.otherwise, None

    @property
    def serves(self) -> bool:
        """Whether these clients get answers at all."""
        return bool(self.stages) or self.otherwise.fate not in (Fate.REFUSED, Fate.DROPPED)


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
