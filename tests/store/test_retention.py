"""What goes when it is old, or too much, whatever the clock says; and what never does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agent.model.report import PolicyOut, Verdict
from agent.model.standing import AUDIT, Check
from agent.model.vocabulary import Reach
from agent.store import Reader, Retention, Store
from agent.store.reading import Filter
from agent.store.retention import used
from tests.store.test_kill import numbers
from tests.store.test_lifecycle import START, finding, report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from agent.model.report import Report

DAY = timedelta(days=1)
ALL = Filter(status=frozenset())
LONG = "stopped on its way " + "x" * 150


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """After the store has been made."""
    Store(tmp_path).close()
    one = Reader(tmp_path)
    yield one
    one.close()


def told(reader: Reader) -> dict[str, dict[str, Any]]:
    with reader.snapshot(ALL) as (_, chunks):
        found = [orjson.loads(body) for chunk in chunks for body in chunk]
    return {one["subject"]["name"]: one for one in found}


def judged(at: datetime, reach: Reach, *names: str) -> Report:
    one = report(at, *(finding(name, at) for name in names))
    verdict = Verdict(
        pack="p", domain="d", zone="lan", road="direct", port="tcp/443", family=4, verdict=reach, because="so"
    )
    one.verdicts.append(verdict)
    one.policy.append(PolicyOut(name="p", title="t", checked="2026-11-01", domains=["d"]))
    return one


def test_what_is_old_goes_and_what_is_open_stays(tmp_path: Path, reader: Reader) -> None:
    with Store(tmp_path) as store:
        store.record(judged(START, Reach.BLOCKED, "open", "gone"), START)
        store.record(judged(START + DAY, Reach.ALLOWED, "open"), START + DAY)
        for day in range(2, 40):
            at = START + day * DAY
            store.record(judged(at, Reach.ALLOWED, "open"), at)
            assert ("gone" in told(reader)) == (day < 31)
        assert told(reader)["open"]["first_seen"] == "2026-11-23T00:00:00Z"
        assert (reader.events(3, 10).lines, reader.oldest()) == ((), 3)
        assert [row["verdict"] for row in reader.history(START - DAY)] == ["allowed"]
        scans = reader.scans(100)
        assert [row["at"] for row in scans] == [START + day * DAY for day in range(39, 9, -1)]
        store.record(judged(at + DAY, Reach.ALLOWED, "open", "new"), at + DAY)
        assert [orjson.loads(line)["seq"] for line in reader.events(3, 10).lines] == [4]
    assert numbers(tmp_path) == [1, 2, 3, 4], "the files turn over by their own size"


def test_where_there_is_too_much_the_oldest_resolved_go_first(tmp_path: Path, reader: Reader) -> None:
    keep = Retention(size=600_000)
    with Store(tmp_path, keep) as store:
        for minute in range(40):
            at = START + timedelta(minutes=minute)
            names = [f"n{minute}-{number}" for number in range(20)]
            store.record(report(at, *(finding(name, at, summary=LONG) for name in ("open", *names))), at)
            assert used(store._connection) <= keep.size
            resolved = {name.partition("-")[0] for name, one in told(reader).items() if one["status"] == "resolved"}
            kept = sorted(int(name[1:]) for name in resolved)
            assert kept == list(range(minute - len(kept), minute)), "the youngest stay"
        assert told(reader)["open"]["count"] == 40
        assert 0 < len(kept) < 39
        seq = reader.version().seq
        last = reader.events(reader.oldest(), 10_000).last
        assert last == seq
    assert numbers(tmp_path) == list(range(1, seq + 1))
    assert (tmp_path / "gateproof.db").stat().st_size < 1.5 * keep.size


def test_what_is_open_is_never_dropped_and_that_is_said_once(
    tmp_path: Path, reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"n{number}" for number in range(500)]
    with Store(tmp_path, Retention(size=100_000)) as store:
        for minute in range(4):
            at = START + timedelta(minutes=minute)
            store.record(report(at, *(finding(name, at, summary=f"{LONG} {minute}") for name in names)), at)
        assert {one["status"] for one in told(reader).values()} == {"open"}
        assert len(told(reader)) == 500
        assert [orjson.loads(line)["event"] for line in reader.events(1500, 1000).lines] == ["changed"] * 500
    assert capsys.readouterr().err.count("what is open alone takes more than it may") == 1
    assert numbers(tmp_path) == list(range(1, 2001)), "events go into the file before they go"


def test_failed_audits_alone_fill_no_disk(tmp_path: Path, reader: Reader) -> None:
    with Store(tmp_path) as store:
        for hour in range(0, 24 * 40, 8):
            store.failed(Check(name=AUDIT, attempted=START + timedelta(hours=hour), trouble="no nft"))
        assert len(reader.scans(10_000)) == 30 * 3
        assert reader.standing().at is None


@pytest.mark.parametrize("jump", [DAY, -DAY, 31 * DAY, -31 * DAY, 3650 * DAY, -3650 * DAY])
def test_a_clock_that_jumps_and_comes_back_costs_nothing(tmp_path: Path, reader: Reader, jump: timedelta) -> None:
    before = START + 20 * DAY
    with Store(tmp_path) as store:
        store.record(judged(START, Reach.BLOCKED, "open", "gone"), START)
        store.record(judged(before, Reach.ALLOWED, "open"), before)
        store.record(judged(before + jump, Reach.BLOCKED, "open", "new"), before + jump)
        assert told(reader).keys() == {"open", "gone", "new"}, "one wrong time throws nothing away"
        store.record(judged(before + jump, Reach.ALLOWED, "open"), before + jump)
        after = before + timedelta(minutes=15)
        store.record(judged(after, Reach.BLOCKED, "open", "last"), after)
        found = told(reader)
        assert found.keys() == {"open", "gone", "new", "last"}
        assert found["open"]["first_seen"] == "2026-11-23T00:00:00Z"
        for one in found.values():
            times = [one[name] for name in ("first_seen", "last_seen", "resolved_at") if one[name]]
            assert times == sorted(times)
            assert one["first_seen"] <= one["last_changed"]
        history = reader.history(START - 4000 * DAY)
        near = after + 4 * DAY  # our own clock may be as far ahead
        assert all(row["since"] <= (row["until"] or near) <= near for row in history)
        assert all(row["at"] <= near for row in reader.scans(100))
        seqs = [orjson.loads(line)["seq"] for line in reader.events(0, 100).lines]
        assert seqs == list(range(1, 7))
        # and what is old still goes, in its time
        for day in range(1, 40):
            at = after + day * DAY
            store.record(judged(at, Reach.BLOCKED, "open", "last"), at)
        assert told(reader).keys() == {"open", "last"}
        assert len(reader.scans(100)) == 30
    assert numbers(tmp_path) == seqs


def test_a_clock_that_is_wrong_for_an_hour_costs_nothing(tmp_path: Path, reader: Reader) -> None:
    with Store(tmp_path) as store:
        store.record(judged(START, Reach.BLOCKED, "open", "gone"), START)
        store.record(judged(START, Reach.BLOCKED, "open"), START)
        for minute in (0, 15, 30, 45):
            at = START + 3650 * DAY + timedelta(minutes=minute)
            store.record(judged(at, Reach.BLOCKED, "open"), at)
        assert told(reader).keys() == {"open", "gone"}
        store.record(judged(START + DAY, Reach.BLOCKED, "open"), START + DAY)
        assert told(reader).keys() == {"open", "gone"}
