"""Somebody's decision to live with findings for a while, and which findings it covers: pure functions.

Owner, reason and expiry are part of every decision; what is suppressed stays visible, and counts.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from agent.model.limits import STRICT, Limits, Written
from agent.model.record import record
from agent.model.report import Suppression, SuppressionOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.model.report import Finding

State = Literal["active", "expiring", "expired"]
DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
WARN: Final = timedelta(days=7)
"""How long before it lapses a suppression is warned of."""
NEVER: Final = frozenset({"suppression-expiring"})
"""Rules whose findings are not held back by anything."""
SCOPE: Final = ("rule", "domain", "zone", "locus", "uid")
NARROW: Final = ("rule", "domain", "locus", "uid")
"""One of these is part of every scope: a zone alone would hide whatever goes wrong there."""


def _moment(value: Any) -> datetime:
    """A time from a document; a day counts to its end, in UTC."""
    try:
        if isinstance(value, str) and DAY.fullmatch(value):
            return datetime.combine(date.fromisoformat(value) + timedelta(days=1), time(), UTC)
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("must be a date like 2026-12-31, or a time like 2026-12-31T12:00:00Z") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


Moment = Annotated[datetime, Written(_moment, datetime.isoformat, {"type": "string", "format": "date-time"})]
Words = Annotated[str, Limits(min_length=1, max_length=500)]


@record(kw_only=True)
class Entry:
    """One decision; the scope is all findings that have everything that it names."""

    __pydantic_config__: ClassVar = STRICT
    owner: Words
    reason: Words
    expires: Moment
    made: Moment | None = None
    """When it was decided; the longest allowed time counts from there."""
    rule: Words | None = None
    domain: Words | None = None
    zone: Words | None = None
    locus: Words | None = None
    """A part of the text, chain, table or artifact of a rule that a finding names."""
    uid: Annotated[str, Limits(pattern=r"^[0-9a-f]{32}$")] | None = None

    def __post_init__(self) -> None:
        """Refuse what would hide too much; raises ValueError."""
        if not any(getattr(self, name) for name in NARROW):
            raise ValueError(f"must name what it is about: one of {', '.join(NARROW)}")

    @property
    def scope(self) -> dict[str, str]:
        """What it names."""
        return {name: value for name in SCOPE if (value := getattr(self, name)) is not None}

    @property
    def title(self) -> str:
        """The scope as text; it stays when owner, reason or expiry change."""
        return ", ".join(f"{name} {value}" for name, value in self.scope.items())

    def state(self, now: datetime) -> State:
        """How far it is."""
        if now >= self.expires:
            return "expired"
        return "expiring" if now >= self.expires - WARN else "active"

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is in its scope, whatever the time."""
        return (
            self.rule in {None, finding.rule.id}
            and (self.domain is None or (finding.subject.kind, finding.subject.name) == ("domain", self.domain))
            and self.zone in {None, finding.zone}
            and self.uid in {None, finding.uid}
            and (self.locus is None or _plain(self.locus) in _places(finding))
        )


def suppress(
    findings: Iterable[Finding], entries: Sequence[Entry], now: datetime
) -> tuple[list[Finding], list[SuppressionOut]]:
    """Mark the findings that are held back, each by the first entry that covers it; and say what each entry does."""
    held = [0] * len(entries)
    marked = []
    for finding in findings:
        number = None if finding.rule.id in NEVER else _first(finding, entries, now)
        if number is None:
            marked.append(finding)
            continue
        held[number] += 1
        one = entries[number]
        why = Suppression(owner=one.owner, reason=one.reason, expires=one.expires)
        marked.append(replace(finding, status="suppressed", suppression=why))
    told = [
        SuppressionOut(
            owner=one.owner,
            reason=one.reason,
            expires=one.expires,
            scope=one.scope,
            state=one.state(now),
            findings=number,
        )
        for one, number in zip(entries, held, strict=True)
    ]
    return marked, sorted(told, key=lambda one: (one.expires, sorted(one.scope.items())))


def _first(finding: Finding, entries: Sequence[Entry], now: datetime) -> int | None:
    return next((at for at, one in enumerate(entries) if now < one.expires and one.covers(finding)), None)


def _places(finding: Finding) -> str:
    parts = ((one.artifact, one.table, one.chain, one.text) for one in finding.locus)
    return "\n".join(_plain(part) for place in parts for part in place if part)


def _plain(text: str) -> str:
    return " ".join(text.split())
