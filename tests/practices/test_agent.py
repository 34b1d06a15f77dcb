"""What the service says of itself: what it cannot read, what it misses, and packs that may be out of date."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.cli import main
from agent.config import Settings
from agent.model.standing import Awaited, patience
from agent.model.suppression import Entry
from agent.outputs.text import render
from agent.packs import find_packs, select
from agent.pipeline import audit
from agent.snapshot import Artifact, Snapshot, Status, load, save
from agent.store import Store
from rules.practices.pack_stale import OLD
from tests.store.test_lifecycle import History, kinds

if TYPE_CHECKING:
    from agent.model.report import Finding, Report

ROOT = Path(__file__).parents[2]
SNAPSHOT = load(ROOT / "tests" / "gateways" / "egress-allow-list")
PACKS = select(find_packs(Path("/nonexistent")), ())
NOW = datetime(2026, 11, 26, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = {"source-unreadable", "check-overdue", "pack-stale"}
DEAF = Awaited(name="observe", silent=2 * HOUR, patience=HOUR)


def of(rule: str, report: Report) -> list[Finding]:
    return [one for one in report.findings if one.rule.id == rule]


def unread(name: str, status: Status, detail: str = "", remedy: str = "", at: datetime = NOW) -> Report:
    """An audit for which one answer of the recorded gateway never came."""
    gone = replace(SNAPSHOT.artifacts[name], status=status, data=b"", detail=detail, remedy=remedy)
    return audit(replace(SNAPSHOT, artifacts={**SNAPSHOT.artifacts, name: gone}), PACKS, Settings(), at)


@pytest.mark.parametrize("status", [Status.DENIED, Status.FAILED, Status.TIMEOUT])
def test_what_could_not_be_read_is_told_with_what_would_help(status: Status) -> None:
    (one,) = of("source-unreadable", unread("nft.json", status, "not permitted", "run as root"))
    assert one.summary == f"nft.json could not be read ({status}: not permitted): what depends on it is unknown"
    assert one.remedy.text == "Let gateproof read nft.json: run as root."
    assert (one.subject.kind, one.subject.name, one.severity.value) == ("agent", "nft.json", "medium")
    assert [source.artifact for source in one.locus] == ["nft.json"]


def test_what_is_absent_or_readable_is_no_trouble() -> None:
    assert not of("source-unreadable", unread("nft.json", Status.ABSENT))
    assert not of("source-unreadable", audit(SNAPSHOT, PACKS, Settings(), NOW))


def test_it_is_one_finding_whatever_the_words_and_ends_when_it_can_be_read() -> None:
    history, at = History(), NOW
    reports = [
        unread("nft.json", Status.DENIED, "not permitted"),
        unread("nft.json", Status.TIMEOUT),
        unread("nft.json", Status.ABSENT),
        unread("nft.json", Status.FAILED),
        audit(SNAPSHOT, PACKS, Settings(), NOW),
    ]
    told = []
    for report in reports:
        at += HOUR
        told.append(kinds(history.take(replace(report, findings=of("source-unreadable", report)), at)))
    assert told == [["opened"], ["changed"], ["resolved"], ["reopened"], ["resolved"]]
    assert len(history.known) == 1


def troubled(at: datetime, suppressions: tuple[Entry, ...] = ()) -> Report:
    """An audit that finds one of each."""
    (pack,) = PACKS
    gone = replace(SNAPSHOT.artifacts["nft.json"], status=Status.DENIED, data=b"")
    snapshot = replace(SNAPSHOT, artifacts={**SNAPSHOT.artifacts, "nft.json": gone})
    old = replace(pack, checked=date(2026, 1, 1))
    return audit(snapshot, (old,), Settings(), at, suppressions=suppressions, awaited=(DEAF,))


def test_the_store_opens_each_once_and_resolves_it(tmp_path: Path) -> None:
    well = audit(SNAPSHOT, PACKS, Settings(), NOW)
    told = []
    with Store(tmp_path) as store:
        for hours, report in enumerate((troubled(NOW), troubled(NOW + HOUR), well)):
            events = store.record(report, NOW + hours * HOUR)
            bodies = [(event.event, json.loads(event.body)["rule"]["id"]) for event in events]
            told.append(sorted(pair for pair in bodies if pair[1] in ALL))
    assert told == [sorted(("opened", rule) for rule in ALL), [], sorted(("resolved", rule) for rule in ALL)]


@pytest.mark.parametrize("rule", sorted(ALL))
def test_each_can_be_lived_with_for_a_while(rule: str) -> None:
    held = Entry(owner="ops", reason="until the move", expires=NOW + HOUR, rule=rule)
    for at, status in ((NOW, "suppressed"), (NOW + 2 * HOUR, "open")):
        (one,) = of(rule, troubled(at, (held,)))
        assert one.status == status


@pytest.mark.parametrize(
    ("status", "limit", "ended"),
    [
        (Status.DENIED, "medium", 1),
        (Status.TIMEOUT, "medium", 1),
        (Status.DENIED, "high", 0),
        (Status.ABSENT, "medium", 0),
    ],
)
def test_the_exit_status_counts_it_even_where_all_verdicts_are_good(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, status: Status, limit: str, ended: int
) -> None:
    rules = Artifact("nft.json", Status.OK, b'{"nftables": []}')
    answers = {one.name: one for one in (rules, Artifact("conntrack.txt", status))}
    save(Snapshot(NOW, {"id": "x", "name": "gw"}, answers), tmp_path / "snapshot")
    where = ["--snapshot", str(tmp_path / "snapshot")]
    assert main(["audit", *where, "--fail-on", limit, "--format", "json"]) == ended
    report = json.loads(capsysbinary.readouterr().out)
    assert {one["verdict"] for one in report["verdicts"]} == {"allowed"}
    # a pack is stale one day
    told = [one["subject"]["name"] for one in report["findings"] if one["rule"]["id"] != "pack-stale"]
    assert told == ["conntrack.txt"] * (status is not Status.ABSENT)


def test_the_text_tells_it_once_beside_what_was_not_understood() -> None:
    told = render(unread("nft.json", Status.DENIED, "not permitted", "run as root")).decode()
    assert " and 1 source that could not be read" in told
    assert told.count("run as root") == 1
    assert "source-unreadable" not in told


@pytest.mark.parametrize(
    ("silent", "every", "overdue"),
    [
        (timedelta(), timedelta(minutes=15), False),
        (HOUR, timedelta(minutes=15), False),
        (HOUR * 1.1, timedelta(minutes=15), True),
        (HOUR * 3, HOUR, False),
        (HOUR * 3.1, HOUR, True),
    ],
)
def test_a_check_is_overdue_after_three_schedules_and_an_hour(
    silent: timedelta, every: timedelta, *, overdue: bool
) -> None:
    waiting = Awaited(name="observe", silent=silent, patience=patience(every), trouble="no CAP_NET_RAW")
    found = of("check-overdue", audit(SNAPSHOT, PACKS, Settings(), NOW, awaited=(waiting,)))
    assert len(found) == overdue
    for one in found:
        assert (
            one.summary == f"observe has not succeeded for more than {max(3 * every, HOUR) / HOUR:g} h: no CAP_NET_RAW"
        )
        assert (one.subject.kind, one.subject.name) == ("agent", "observe")


def test_an_audit_by_hand_awaits_nothing() -> None:
    assert not of("check-overdue", audit(SNAPSHOT, PACKS, Settings(), NOW))


@pytest.mark.parametrize(("days", "stale"), [(0, False), (180, False), (181, True), (-3, False)])
def test_a_pack_is_stale_after_half_a_year(days: int, *, stale: bool) -> None:
    (pack,) = PACKS
    old = replace(pack, checked=NOW.date() - timedelta(days=days))
    found = of("pack-stale", audit(SNAPSHOT, (old,), Settings(), NOW))
    assert len(found) == stale
    for one in found:
        assert one.summary == f"what {pack.title} requires was last compared with its vendor on {old.checked}"
        assert (one.subject.name, one.pack, one.severity.value) == (pack.name, pack.name, "low")


def test_alert_and_page_go_by_the_same_age() -> None:
    alerts = (ROOT / "packaging" / "prometheus" / "alerts.yml").read_text()
    page = (ROOT / "agent" / "serve" / "page" / "health.js").read_text()
    (alert,) = re.findall(r"gateproof_pack_age_seconds > (\d+) \* 86400", alerts)
    (shown,) = re.findall(r"const OLD = (\d+);", page)
    assert OLD == timedelta(days=int(alert)) == timedelta(days=int(shown))
    (late,) = re.findall(r"check=~\"audit\|probe\|observe\"} > (\d+)", alerts)
    assert patience(timedelta(minutes=15)) == timedelta(seconds=int(late))


def test_a_date_of_the_far_future_is_no_fault() -> None:
    (pack,) = PACKS
    assert not of("pack-stale", audit(SNAPSHOT, (replace(pack, checked=date.max),), Settings(), NOW))
