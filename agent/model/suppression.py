"""Somebody's decision to live with findings for a while, and which findings it covers: pure functions.

Owner, reason and expiry are part of every decision; what is suppressed stays visible, and counts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from agent.model.limits import STRICT, Checked, Limits, Written
from agent.model.names import apex_of, covers, normalise
from agent.model.record import record
from agent.model.report import Suppression, SuppressionOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.model.report import Finding

State = Literal["active", "expiring", "expired"]
NEVER: Final = frozenset({"suppression-expiring"})
"""Rules whose findings are not held back by anything."""
SCOPE: Final = ("rule", "domain", "zone", "locus", "uid")
NARROW: Final = ("rule", "domain", "locus", "uid")
"""One of these is part of every scope: a zone alone would hide whatever goes wrong there."""
SHORTEST: Final = 3
"""Characters of a locus: one or two stand in nearly every rule, so that they would hide nearly every finding."""


def _moment(value: Any) -> datetime:
    """A time from a document; a day counts to its end, in UTC."""
    try:
        if (day := _day(value)) is not None:
            return datetime.combine(day + timedelta(days=1), time(), UTC)
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("must be a date like 2026-12-31, or a time like 2026-12-31T12:00:00Z") from error


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text.strip()


def _locus(text: str) -> str:
    if len(_plain(text)) < SHORTEST:
        raise ValueError(f"must have at least {SHORTEST} characters, or it would hide nearly everything")
    return _plain(text)


def _domain(text: str) -> str:
    try:
        name = normalise(apex_of(text.strip()))
    except ValueError as error:
        raise ValueError(f"must be a domain name or `*.` and one: {error}") from error
    return f"*.{name}" if text.strip().startswith("*.") else name


Moment = Annotated[datetime, Written(_moment, datetime.isoformat, {"type": "string", "format": "date-time"})]
Words = Annotated[str, Limits(max_length=500), Checked(_words)]
Locus = Annotated[str, Limits(max_length=500), Checked(_locus)]
Domain = Annotated[str, Limits(max_length=500), Checked(_domain)]


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
    domain: Domain | None = None
    """A name, or ``*.`` and one for all below it."""
    zone: Words | None = None
    locus: Locus | None = None
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

    def state(self, now: datetime, warn: timedelta) -> State:
        """How far it is; ``expiring`` for as long as ``warn`` before it lapses."""
        if now >= self.expires:
            return "expired"
        return "expiring" if self.expires - now <= warn else "active"

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is in its scope, whatever the time."""
        return (
            self.rule in {None, finding.rule.id}
            and (self.domain is None or (finding.subject.kind == "domain" and self._names(finding.subject.name)))
            and self.zone in {None, finding.zone}
            and self.uid in {None, finding.uid}
            and (self.locus is None or _plain(self.locus) in _places(finding))
        )

    def _names(self, domain: str) -> bool:
        return self.domain is not None and (domain == self.domain or covers(self.domain, domain))


def suppress(
    findings: Iterable[Finding], entries: Sequence[Entry], now: datetime, warn: timedelta
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
            state=one.state(now, warn),
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
