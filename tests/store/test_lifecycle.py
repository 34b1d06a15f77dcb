"""What one more report does to the findings known so far."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.report import (
    Finding,
    Host,
    Remedy,
    Report,
    RuleOut,
    Scan,
    SourceOut,
    Subject,
    Suppression,
    fingerprint,
)
from agent.model.vocabulary import Severity
from agent.store.lifecycle import FLAPS, HOLD, RESTLESS, Event, Known, fold

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = Host(id="h", name="edge-1", os="", agent_version="0")
START = datetime(2026, 11, 23, tzinfo=UTC)


def finding(name: str, at: datetime, *, summary: str = "stopped by handle 7", handle: int = 7) -> Finding:
    subject = Subject(kind="domain", name=name)
    return Finding(
        uid=fingerprint("r", "p", subject, "lan0", ""),
        rule=RuleOut(id="r", title="t", severity_default=Severity.HIGH, manual="m"),
        severity=Severity.HIGH,
        verdict="fail",
        subject=subject,
        summary=summary,
        locus=[SourceOut(artifact="nft.json", text="drop", handle=handle)],
        remedy=Remedy(text="do"),
        first_seen=at,
        last_seen=at,
        last_changed=at,
        host=HOST,
    )


def report(at: datetime, *findings: Finding, status: str = "ok") -> Report:
    scan = Scan(at=at, artifacts={"nft.json": status})
    return Report(host=HOST, scan=scan, policy=[], verdicts=[], findings=list(findings), gaps=[])


@dataclass
class History:
    """What a store would know after some reports."""

    known: dict[str, Known] = field(default_factory=dict)
    seq: int = 0

    def then(self, at: datetime, *findings: Finding, status: str = "ok") -> list[Event]:
        return self.take(report(at, *findings, status=status), at)

    def take(self, one: Report, at: datetime) -> list[Event]:
        rows, events = fold(self.known, one, at, self.seq)
        self.known |= {row.uid: row for row in rows}
        self.seq += len(events)
        return list(events)

    def told(self) -> list[Mapping[str, object]]:
        return [orjson.loads(one.body) for one in self.known.values()]


def kinds(events: list[Event]) -> list[str]:
    return [event.event for event in events]


def test_a_life() -> None:
    day, history = timedelta(days=1), History()
    at = [START + number * day for number in range(6)]
    assert kinds(history.then(at[0], finding("a", at[0]))) == ["opened"]
    assert kinds(history.then(at[1], finding("a", at[1]))) == []
    moved = finding("a", at[2], handle=9, summary="stopped by handle 9")
    assert kinds(history.then(at[2], moved)) == [], "a new handle alone is no event"
    assert kinds(history.then(at[3], finding("a", at[3], summary="stopped otherwise"))) == ["changed"]
    assert kinds(history.then(at[4])) == ["resolved"]
    (one,) = history.told()
    assert (one["status"], one["resolved_at"]) == ("resolved", "2026-11-27T00:00:00Z")
    assert kinds(history.then(at[5], finding("a", at[5]))) == ["reopened"]
    (one,) = history.told()
    assert one["first_seen"] == "2026-11-23T00:00:00Z"
    assert (one["count"], one["seq"], one["flaps"], one["status"]) == (5, 4, 1, "open")
    assert "resolved_at" not in one or one["resolved_at"] is None
    assert history.seq == 4


def test_what_could_not_be_read_is_not_resolved() -> None:
    history = History()
    history.then(START, finding("a", START))
    assert history.then(START + timedelta(hours=1), status="denied") == []
    assert [one["status"] for one in history.told()] == ["open"]


def test_what_flaps_is_one_finding_with_a_count() -> None:
    history, at, said = History(), START, []
    for _ in range(50):  # there, gone, there...
        said += kinds(history.then(at, finding("a", at)))
        at += timedelta(minutes=5)
        said += kinds(history.then(at))
        at += timedelta(minutes=5)
    assert said == ["opened", *["resolved", "reopened"] * FLAPS]
    (one,) = history.told()
    assert (one["status"], one["count"], one["flaps"]) == ("open", 50, 49)
    assert history.then(at) == []
    assert kinds(history.then(at + timedelta(seconds=HOLD))) == ["resolved"], "gone for long enough"
    at += timedelta(days=2)
    assert kinds(history.then(at, finding("a", at))) == ["reopened"]
    assert [one["flaps"] for one in history.told()] == [1], "what was long ago counts no more"


def test_what_says_something_else_each_time_is_told_some_times_and_when_it_rests() -> None:
    history, at, said = History(), START, []
    for number in range(50):
        said += kinds(history.then(at, finding("a", at, summary=f"stopped for {number} addresses")))
        at += timedelta(minutes=15)
    assert said == ["opened", *["changed"] * RESTLESS]
    (one,) = history.told()
    assert (one["summary"], one["count"], one["seq"]) == ("stopped for 49 addresses", 50, 1 + RESTLESS)
    said = []
    for _ in range(150):
        said += kinds(history.then(at, finding("a", at, summary="stopped for all")))
        at += timedelta(minutes=15)
    assert said == ["changed"], "the last word is told, once"
    assert kinds(history.then(at, finding("a", at, summary="stopped otherwise"))) == ["changed"]


def test_a_suppression_that_lapses_is_told_with_its_reason() -> None:
    history = History()
    held = Suppression(owner="ops", reason="new firewall comes", expires=START + timedelta(days=7))
    quiet = replace(finding("a", START), status="suppressed", suppression=held)
    history.then(START, finding("a", START))
    assert kinds(history.then(START, quiet)) == ["changed"]
    assert history.then(START, quiet) == []
    later = START + timedelta(days=8)
    (event,) = history.then(later, finding("a", later))
    assert event.event == "reopened"
    assert event.suppression == {"owner": "ops", "reason": "new firewall comes", "expires": "2026-11-30T00:00:00Z"}
    assert orjson.loads(event.line())["suppression"]["reason"] == "new firewall comes"
    history.then(later, quiet)
    assert kinds(history.then(later)) == ["resolved"], "what is mended is, whether suppressed or not"


def test_a_clock_that_runs_backwards_makes_no_time_before_the_first() -> None:
    history = History()
    history.then(START, finding("a", START))
    history.then(START - timedelta(days=1), finding("a", START - timedelta(days=1), summary="otherwise"))
    (one,) = history.told()
    assert one["first_seen"] == one["last_seen"] == one["last_changed"] == "2026-11-23T00:00:00Z"
    history.then(START - timedelta(days=1))
    assert [one["resolved_at"] for one in history.told()] == ["2026-11-23T00:00:00Z"]


@settings(max_examples=60)
@given(st.lists(st.sets(st.sampled_from("abc")), max_size=12))
def test_seq_grows_and_first_seen_stays(reports: list[set[str]]) -> None:
    history, first, last = History(), dict[str, object](), 0
    for hour, names in enumerate(reports):
        at = START + timedelta(hours=hour)
        found = [finding(name, at) for name in sorted(names)]
        for event in history.then(at, *found):
            assert event.seq == last + 1
            last = event.seq
        for one in history.told():
            assert first.setdefault(str(one["uid"]), one["first_seen"]) == one["first_seen"]
        assert history.then(at, *found) == []
