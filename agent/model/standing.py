"""How things stand on this gateway: what metrics and the first screen are made of.

Nothing in it grows with traffic; times are UTC, durations seconds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agent.model.overall import overall
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from agent.model.report import Host, PolicyOut, SuppressionOut, Verdict
    from agent.model.vocabulary import Reach

AUDIT: Final = "audit"
OBSERVE: Final = "observe"
COLLECT: Final = "collect:"
"""Begins the name of the check that reads what one kind wants to know."""
LATE: Final = 3
"""Schedules without a success, after which a check is overdue..."""
LEAST: Final = timedelta(hours=1)
"""... but not before this."""


def patience(every: timedelta) -> timedelta:
    """How long a check may go without success, where audits are made so often."""
    return max(LATE * every, LEAST)


@record(kw_only=True)
class Awaited:
    """Something that is done again and again beside the audits."""

    name: str
    """As that of its check."""
    silent: timedelta
    """Since its last success, or since it is asked for where it had none; by a clock that nobody sets."""
    patience: timedelta
    """How long that may be."""
    trouble: str = ""
    """Why nothing comes, where that is known."""


@record(kw_only=True)
class Check:
    """The last times that one thing was done: ``audit``, ``probe``, ``observe`` or ``collect:<kind>``."""

    name: str
    attempted: datetime
    succeeded: datetime | None = None
    """None where it never did."""
    duration: float | None = None
    """Of the last one that succeeded."""
    trouble: str = ""
    """Why the last attempt failed, in a sentence; empty where it did not."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    """How much it could not know, by reason: ``denied``, ``failed`` and ``timeout`` of artifacts, ``undecided``
    verdicts, ``lost`` packets."""


@record(kw_only=True)
class Cell:
    """One required domain from one zone, over its required ports, families and roads."""

    pack: str
    domain: str
    zone: str
    verdict: Reach
    coverage: float | None = None
    """The least share of public addresses that pass; None where addresses decide nothing, or it is unknown."""


@record(kw_only=True)
class Counted:
    """How many findings share these words."""

    severity: str
    status: str
    source: str
    pack: str
    """Empty for those of no pack."""
    number: int


@record(kw_only=True)
class Kept:
    """The store itself."""

    epoch: str
    """Of this store; another one begins with another."""
    seq: int
    """Of the last event."""
    opened: int = 0
    """Findings that were opened or re-opened, ever."""
    resolved: int = 0
    events: int = 0
    """That are still there."""
    size: int = 0
    """Bytes."""
    errors: int = 0
    """Times that it could not be written, ever."""


@record(kw_only=True)
class Standing:
    """All of it at one time."""

    host: Host | None
    """None before the first audit."""
    at: datetime | None
    """When the last audit was recorded."""
    kept: Kept
    findings: tuple[Counted, ...] = ()
    cells: tuple[Cell, ...] = ()
    checks: tuple[Check, ...] = ()
    readable: Mapping[str, bool] = field(default_factory=dict)
    """By kind: whether all that it asked of the host could be read."""
    packs: tuple[PolicyOut, ...] = ()
    suppressions: tuple[SuppressionOut, ...] = ()


def as_of(standing: Standing, now: datetime) -> Standing:
    """The same at a later time: what has lapsed since it was recorded is expired."""
    told = tuple(replace(one, state="expired") if one.expires <= now else one for one in standing.suppressions)
    return standing if told == standing.suppressions else replace(standing, suppressions=told)


def cells(verdicts: Iterable[Verdict]) -> tuple[Cell, ...]:
    """Sum verdicts up, in the order of pack, domain and zone; ports that are only preferred do not count."""
    grouped: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for one in verdicts:
        if one.required:
            grouped[one.pack, one.domain, one.zone].append(one)
    return tuple(
        Cell(
            pack=pack,
            domain=domain,
            zone=zone,
            verdict=overall(found),
            coverage=min((one.coverage for one in found if one.coverage is not None), default=None),
        )
        for (pack, domain, zone), found in sorted(grouped.items())
    )
