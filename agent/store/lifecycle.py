"""What one more report does to the findings known so far: a pure function."""

from __future__ import annotations

import re
from dataclasses import field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from agent.model.report import Finding, Report

Change = Literal["opened", "changed", "resolved", "reopened"]
KEPT: Final = timedelta(days=30)
"""How long a resolved finding stays in the state."""
SAID: Final = frozenset({"severity", "verdict", "summary", "road", "family", "port", "blocked_at", "remedy"})
"""What a person would read; a change of these is an event. A moved line or a new handle alone is none."""

NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


@record
class Event:
    """One change of one finding; ``seq`` grows by one from event to event, for ever."""

    event: Change
    at: datetime
    seq: int
    finding: Finding


@record
class State:
    """All findings by uid, and the number of the last event."""

    findings: Mapping[str, Finding] = field(default_factory=dict)
    seq: int = 0


def fold(state: State, report: Report, now: datetime) -> tuple[State, tuple[Event, ...]]:
    """Give the state after a report, and the events on the way, in the order of the report.

    A finding that is missing because what it rests on could not be read this time stays open: silence is
    no proof. Resolved findings go after KEPT.
    """
    findings = dict(state.findings)
    events: list[Event] = []

    def note(change: Change, finding: Finding) -> None:
        seq = state.seq + len(events) + 1
        numbered = replace(finding, seq=seq)
        findings[finding.uid] = numbered
        events.append(Event(change, now, seq, numbered))

    for fresh in report.findings:
        known = findings.get(fresh.uid)
        if known is None:
            note("opened", fresh)
        elif known.status == "resolved":
            note("reopened", _carried(fresh, known, now))
        elif _said(fresh) != _said(known):
            note("changed", _carried(fresh, known, now))
        else:
            findings[fresh.uid] = _carried(fresh, known, known.last_changed)
    present = {one.uid for one in report.findings}
    unreadable = _unreadable(report)
    for uid, known in state.findings.items():
        if uid in present or known.status == "resolved":
            continue
        if not _rests_on(known, unreadable):
            note("resolved", replace(known, status="resolved", resolved_at=now, last_changed=now))
    kept = {uid: one for uid, one in findings.items() if one.resolved_at is None or one.resolved_at > now - KEPT}
    return State(dict(sorted(kept.items())), state.seq + len(events)), tuple(events)


def _carried(fresh: Finding, known: Finding, changed: datetime) -> Finding:
    """The new finding with the old one's history."""
    return replace(fresh, first_seen=known.first_seen, last_changed=changed, count=known.count + 1, seq=known.seq)


def _said(finding: Finding) -> dict[str, Any]:
    said = {name: getattr(finding, name) for name in SAID}
    summary = _without_handles(finding.summary)
    # what is seen is counted, and more is seen with every audit
    said["summary"] = NUMBER.sub("#", summary) if finding.source == "observed" else summary
    said["remedy"] = finding.remedy.text
    return said


def _without_handles(text: str) -> str:
    """Handles and line numbers move when other rules change."""
    words = text.split(" ")
    return " ".join(word for at, word in enumerate(words) if not (at and words[at - 1] in ("handle", "line")))


def _unreadable(report: Report) -> frozenset[str]:
    return frozenset(
        name for name, status in report.scan.artifacts.items() if status in ("denied", "failed", "timeout")
    )


def _rests_on(finding: Finding, unreadable: frozenset[str]) -> bool:
    return any(source.artifact in unreadable for source in finding.locus)
