"""What one more report does to the findings known so far."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import StateError
from agent.model.report import Finding, Host, Remedy, Report, RuleOut, Scan, SourceOut, Subject, fingerprint
from agent.model.vocabulary import Severity
from agent.store import State, Store, fold

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def kinds(state: State, one: Report) -> tuple[State, list[str]]:
    after, events = fold(state, one, one.scan.at)
    return after, [event.event for event in events]


def test_a_life() -> None:
    day = timedelta(days=1)
    state, events = kinds(State(), report(START, finding("a", START)))
    assert events == ["opened"]
    state, events = kinds(state, report(START + day, finding("a", START + day)))
    assert events == []
    state, events = kinds(
        state, report(START + 2 * day, finding("a", START + 2 * day, handle=9, summary="stopped by handle 9"))
    )
    assert events == [], "a new handle alone is no event"
    state, events = kinds(state, report(START + 3 * day, finding("a", START + 3 * day, summary="stopped otherwise")))
    assert events == ["changed"]
    state, events = kinds(state, report(START + 4 * day))
    assert events == ["resolved"]
    state, events = kinds(state, report(START + 5 * day, finding("a", START + 5 * day)))
    assert events == ["reopened"]
    (one,) = state.findings.values()
    assert (one.first_seen, one.count, one.seq, state.seq) == (START, 5, 4, 4)


def test_what_could_not_be_read_is_not_resolved() -> None:
    state, _ = kinds(State(), report(START, finding("a", START)))
    state, events = kinds(state, report(START + timedelta(hours=1), status="denied"))
    assert events == []
    assert next(iter(state.findings.values())).status == "open"


def test_resolved_findings_go_after_thirty_days() -> None:
    state, _ = kinds(State(), report(START, finding("a", START)))
    state, _ = kinds(state, report(START))
    state, _ = kinds(state, report(START + timedelta(days=31)))
    assert not state.findings


@settings(max_examples=60)
@given(st.lists(st.sets(st.sampled_from("abc")), max_size=12))
def test_seq_grows_and_first_seen_stays(history: list[set[str]]) -> None:
    state, first, last = State(), dict[str, datetime](), 0
    for hour, names in enumerate(history):
        at = START + timedelta(hours=hour)
        state, events = fold(state, report(at, *(finding(name, at) for name in sorted(names))), at)
        for event in events:
            assert event.seq == last + 1
            last = event.seq
        for one in state.findings.values():
            assert first.setdefault(one.uid, one.first_seen) == one.first_seen
        assert not fold(state, report(at, *(finding(name, at) for name in sorted(names))), at)[1]


def test_files_survive_a_crash_between_events_and_state(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START)), START)
        before = (tmp_path / "findings.json").read_bytes()
        store.record(report(START, finding("a", START), finding("b", START)), START)
    (tmp_path / "findings.json").write_bytes(before)  # the state was not written
    with (tmp_path / "findings.jsonl").open("ab") as file:
        file.write(b'{"event":"opened","seq":3,"fin')  # and a line was torn
    with Store(tmp_path) as store:
        assert store.state.seq == 2
        assert len(store.state.findings) == 2
        events = store.record(report(START, finding("b", START)), START)
        assert [event.seq for event in events] == [3]
    lines = [orjson.loads(line) for line in (tmp_path / "findings.jsonl").read_bytes().splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]


def test_a_damaged_state_is_rebuilt_from_the_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START)), START)
    (tmp_path / "findings.json").write_bytes(b"{")
    with Store(tmp_path) as store:
        assert [one.subject.name for one in store.state.findings.values()] == ["a"]
    assert "damaged" in capsys.readouterr().err


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let the kernel refuse to let files grow beyond a size, in the middle of a write if need be."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 100, 1400, 2000])
def test_a_full_disk_loses_nothing_and_tells_nothing_twice(tmp_path: Path, room: int) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START)), START)
        with room_for(room), pytest.raises(StateError, match="cannot be written: File too large"):
            store.record(report(START, finding("a", START), finding("b", START), finding("c", START)), START)
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START), finding("b", START), finding("c", START)), START)
        assert len(store.state.findings) == 3
    lines = [orjson.loads(line) for line in (tmp_path / "findings.jsonl").read_bytes().splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert len(orjson.loads((tmp_path / "findings.json").read_bytes())["findings"]) == 3


def test_events_that_were_written_count_where_the_state_could_not_be(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, *(finding(name, START) for name in "abcdef")), START)
        size = (tmp_path / "findings.jsonl").stat().st_size
        (tmp_path / "findings.jsonl").write_bytes(b"")  # as after a rotation: the events are smaller than the state
        both = report(START, *(finding(name, START) for name in "abcdefg"))
        with room_for(size // 2), pytest.raises(StateError):
            store.record(both, START)
        assert store.record(both, START) == ()
    assert (tmp_path / "findings.jsonl").read_bytes().count(b"opened") == 1
    assert len(orjson.loads((tmp_path / "findings.json").read_bytes())["findings"]) == 7


def test_trouble_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "findings.json").write_text('{"schema":"gateproof.state/9"}')
    with pytest.raises(StateError, match="another version"):
        Store(tmp_path)
    (tmp_path / "findings.json").unlink()
    with Store(tmp_path), pytest.raises(StateError, match="another gateproof"):
        Store(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used"):
        Store(tmp_path / "file" / "state")
