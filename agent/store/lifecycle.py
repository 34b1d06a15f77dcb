"""What one more report does to the findings known so far: a pure function."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from agent.model.record import record
from agent.model.report import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.report import Host, Report, RuleOut

Change = Literal["opened", "changed", "resolved", "reopened"]
CHANGES: Final[tuple[Change, ...]] = ("opened", "changed", "resolved", "reopened")
SAID: Final = attrgetter("severity", "verdict", "status", "road", "family", "port", "blocked_at")
"""What a person would read besides summary and remedy; a change of these is an event. A moved line or a new handle
alone is none."""
NAMES: Final = tuple(one.name for one in fields(Finding))
VALUES: Final = attrgetter(*NAMES)
DAY: Final = 86_400.0
SHARED: Final = 256
"""Rules and hosts whose text is kept."""
FLAPS: Final = 3
"""Times within a day that a finding comes back, from which on it flaps."""
HOLD: Final = 3_600.0
"""Seconds that a finding which flaps has to be gone until it counts as resolved: one finding with a count in place
of an event with each audit."""
RESTLESS: Final = 6
"""Changes within a day that are told of one finding; then it has to say one thing until some of them are a day ago."""
REMEMBERED: Final = 100
"""Times of coming back that are kept of one finding."""

NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
MOVED: Final = re.compile(r"(?<![^ ])(?:handle|line) [^ ]*")
"""Handles and line numbers, which move when other rules change."""


@record
class Known:
    """What is remembered of a finding; times are seconds since 1970."""

    uid: str
    status: str
    said: bytes
    """A digest of what a person has read."""
    first_seen: float
    last_changed: float
    resolved_at: float | None
    absent: float | None
    """Since when it is missing, where it flaps and is not resolved yet."""
    returned: tuple[float, ...]
    """When it came back, within a day."""
    count: int
    seq: int
    severity: str
    source: str
    pack: str
    body: bytes
    """The finding as it was last found, JSON (``gateproof.finding/1``)."""
    latest: bytes = b""
    """A digest of what a person would read now, where that is not told."""
    turned: tuple[float, ...] = ()
    """When it began to say something else, within a day."""


@record
class Event:
    """One change of one finding; ``seq`` grows from event to event, for ever."""

    event: Change
    at: datetime
    seq: int
    uid: str
    body: bytes
    """The finding, JSON."""
    suppression: Mapping[str, Any] | None = None
    """The decision that held it back until now, where that has lapsed."""

    def line(self) -> bytes:
        """Give the event as one line of JSON."""
        told: dict[str, Any] = {"event": self.event, "at": self.at, "seq": self.seq}
        told["finding"] = orjson.Fragment(self.body)
        if self.suppression is not None:
            told["suppression"] = self.suppression
        return orjson.dumps(told, option=orjson.OPT_UTC_Z) + b"\n"


def fold(
    known: Mapping[str, Known], report: Report, now: datetime, seq: int
) -> tuple[tuple[Known, ...], tuple[Event, ...]]:
    """Give what changes of the findings known, and the events on the way: in the order of the report, then of the uid.

    ``seq`` is the number of the last event. A finding that is missing because what it rests on could not be read
    this time stays as it is: silence is no proof. So does one that flaps, until it is gone for HOLD.
    """
    rows: list[Known] = []
    events: list[Event] = []
    present = set()
    at = now.timestamp()
    for fresh in report.findings:
        if fresh.uid in present:  # one finding, whatever a rule says twice
            continue
        present.add(fresh.uid)
        before = known.get(fresh.uid)
        said = _said(fresh)
        turned = _turned(said, before, at)
        change, suppression = _change(fresh, said, before, turned)
        number = seq + len(events) + 1 if change else before.seq if before else 0
        row = _row(fresh, said, before, at, change, number, turned)
        rows.append(row)
        if change:
            events.append(Event(change, now, number, row.uid, row.body, suppression))
    unread = report.scan.unread
    for uid in sorted(known.keys() - present):
        one = known[uid]
        if one.status == "resolved":
            continue
        told = orjson.loads(one.body)
        if any(source["artifact"] in unread for source in told["locus"]):
            continue
        if len(_lately(one.returned, at)) >= FLAPS:
            absent = at if one.absent is None or one.absent > at else one.absent
            if at - absent < HOLD:
                if absent != one.absent:
                    rows.append(replace(one, absent=absent))
                continue
        row = _resolved(one, told, at, seq + len(events) + 1)
        rows.append(row)
        events.append(Event("resolved", now, row.seq, uid, row.body))
    return tuple(rows), tuple(events)


def imported(finding: Finding) -> Known:
    """What is remembered of a finding that an older file told."""
    return Known(
        uid=finding.uid,
        status=finding.status,
        said=_said(finding),
        first_seen=finding.first_seen.timestamp(),
        last_changed=finding.last_changed.timestamp(),
        resolved_at=finding.resolved_at.timestamp() if finding.resolved_at else None,
        absent=None,
        returned=(),
        count=finding.count,
        seq=finding.seq or 0,
        severity=finding.severity,
        source=finding.source,
        pack=finding.pack or "",
        body=_dumped(finding),
    )


def _turned(said: bytes, before: Known | None, at: float) -> tuple[float, ...]:
    """When a finding began to say something else, now included."""
    if before is None:
        return ()
    turned = _lately(before.turned, at)
    return turned if said == (before.latest or before.said) else (*turned, at)[-REMEMBERED:]


def _change(
    fresh: Finding, said: bytes, before: Known | None, turned: tuple[float, ...]
) -> tuple[Change | None, Mapping[str, Any] | None]:
    """What this is to those who know the finding; with the suppression that lapsed."""
    if before is None:
        return "opened", None
    if before.status == "resolved":
        return "reopened", None
    if before.status == "suppressed" and fresh.status == "open":
        return "reopened", orjson.loads(before.body).get("suppression")
    # what says something else with each audit is one finding, and no storm of events
    return ("changed" if said != before.said and len(turned) <= RESTLESS else None), None


def _row(  # noqa: PLR0913, PLR0917 - what a row is made of
    fresh: Finding,
    said: bytes,
    before: Known | None,
    at: float,
    change: Change | None,
    seq: int,
    turned: tuple[float, ...],
) -> Known:
    """The finding with the history of what was known of it; times run forwards even where the clock did not."""
    first = before.first_seen if before else at
    changed = at if change or before is None else before.last_changed
    returned = _lately(before.returned, at) if before else ()
    came_back = before is not None and (before.absent is not None or before.status == "resolved")
    if came_back:
        returned = (*returned, at)[-REMEMBERED:]
    count = before.count + 1 if before else 1
    told = dict(zip(NAMES, VALUES(fresh), strict=True))
    told["rule"], told["host"] = _written(fresh.rule), _written(fresh.host)
    told["first_seen"] = datetime.fromtimestamp(first, UTC)
    told["last_seen"] = datetime.fromtimestamp(max(at, first), UTC)
    told["last_changed"] = datetime.fromtimestamp(max(changed, first), UTC)
    told["count"] = count
    told["flaps"] = len(returned)
    told["seq"] = seq
    return Known(
        uid=fresh.uid,
        status=fresh.status,
        said=said if change or before is None else before.said,
        first_seen=first,
        last_changed=changed,
        resolved_at=None,
        absent=None,
        returned=returned,
        count=count,
        seq=seq,
        severity=fresh.severity,
        source=fresh.source,
        pack=fresh.pack or "",
        body=_dumped(told),
        latest=said if before is not None and not change and said != before.said else b"",
        turned=turned,
    )


def _resolved(one: Known, told: dict[str, Any], at: float, seq: int) -> Known:
    time = datetime.fromtimestamp(max(at, one.first_seen), UTC)
    told |= {"status": "resolved", "resolved_at": time, "last_changed": time, "seq": seq}
    return replace(
        one,
        status="resolved",
        resolved_at=at,
        last_changed=at,
        absent=None,
        seq=seq,
        body=_dumped(told),
    )


@lru_cache(maxsize=SHARED)
def _written(part: RuleOut | Host) -> orjson.Fragment:
    """A part that many findings share, written once."""
    return orjson.Fragment(_dumped(part))


def _dumped(told: Any) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_UTC_Z)


def _lately(times: tuple[float, ...], at: float) -> tuple[float, ...]:
    """Within a day; of a clock that was set back, either way, or what flaps would be told all over again."""
    return tuple(one for one in times if abs(at - one) < DAY) if times else ()


def _said(finding: Finding) -> bytes:
    """A digest of what a person reads."""
    summary = MOVED.sub("", finding.summary)
    # what is seen is counted, and more is seen with every audit
    summary = NUMBER.sub("#", summary) if finding.source == "observed" else summary
    said = orjson.dumps([*SAID(finding), summary, finding.remedy.text])
    return blake2b(said, digest_size=16).digest()
