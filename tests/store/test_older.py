"""Files of before: of a gateproof without a database, of a lost one, and of one that is older than they are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.store import Reader, Store, files
from agent.store.reading import Gone
from agent.store.rows import all_known
from agent.store.schema import FILE
from tests.store.test_kill import numbers
from tests.store.test_lifecycle import HOST, START, finding, report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.model.report import Finding

LATER = START + timedelta(hours=1)


def event(seq: int, one: Finding, kind: str = "opened") -> bytes:
    return orjson.dumps({"event": kind, "at": START, "seq": seq, "finding": replace(one, seq=seq)}) + b"\n"


def without_database(folder: Path, findings: Sequence[Finding], seq: int) -> None:
    """The files as gateproof wrote them when there was no database: indented, and without what is newer."""
    document = {"schema": "gateproof.state/1", "host": HOST, "seq": seq, "findings": findings}
    told = orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z))
    for one in told["findings"]:
        del one["flaps"]
    (folder / "findings.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")


def names(store: Store) -> dict[str, str]:
    known = all_known(store._connection).values()
    return {orjson.loads(one.body)["subject"]["name"]: one.status for one in known}


def test_an_older_state_is_imported_once(tmp_path: Path) -> None:
    past = START - timedelta(days=90)
    findings = [replace(finding(name, past), seq=at, count=7) for at, name in enumerate("abc", 1)]
    without_database(tmp_path, findings, 3)
    (tmp_path / "findings.jsonl").write_bytes(
        b"".join(event(at, one) for at, one in enumerate(findings, 1)) + event(4, finding("d", past))
    )
    with Store(tmp_path) as store:
        assert names(store) == dict.fromkeys("abcd", "open")
        assert store.record(report(START, *(finding(name, START) for name in "abcd")), START) == ()
        (one, *_) = [orjson.loads(row.body) for row in all_known(store._connection).values() if row.count == 8]
        assert (one["first_seen"], one["count"], one["uid"]) == ("2026-08-25T00:00:00Z", 8, one["uid"])
        (new,) = store.record(report(LATER, *(finding(name, LATER) for name in "abcde")), LATER)
        assert (new.event, new.seq) == ("opened", 5)
    before = (tmp_path / "findings.json").read_bytes()
    with Store(tmp_path) as store:  # not a second time, whatever the file says now
        (tmp_path / "findings.json").write_bytes(before.replace(b"2026-08-25", b"2020-01-01"))
        store.record(report(LATER, *(finding(name, LATER) for name in "abcde")), LATER)
    assert b"2020-01-01" not in (tmp_path / "findings.json").read_bytes()
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]


DAMAGES = {
    "empty": b"",
    "text": b"hello",
    "list": b"[]",
    "no findings": b'{"schema":"gateproof.state/1","seq":2}',
    "no seq": b'{"schema":"gateproof.state/1","seq":"2","findings":[]}',
    "huge seq": b'{"schema":"gateproof.state/1","seq":99999999999999999999,"findings":[]}',
}


@pytest.mark.parametrize("damage", [*DAMAGES, "cut", "one finding"])
def test_a_damaged_state_is_kept_aside_and_made_again_from_the_events(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START), finding("b", START)), START)
    (tmp_path / FILE).unlink()
    state = tmp_path / "findings.json"
    whole = state.read_bytes()
    changed = whole.replace(b'"severity":"high"', b'"severity":"purple"', 1) if damage == "one finding" else whole[:999]
    damaged = DAMAGES.get(damage, changed)
    state.write_bytes(damaged)
    with Store(tmp_path) as store:
        assert len(names(store)) == (1 if damage == "one finding" else 2)
        (event,) = store.record(report(LATER, *(finding(name, LATER) for name in "abc")), LATER)[-1:]
        assert event.seq >= 3
    assert "moved to findings.json.broken" in capsys.readouterr().err
    assert (tmp_path / "findings.json.broken").read_bytes() == damaged


TAILS = {
    "torn": b'{"event":"opened","seq":3,"fin',
    "torn at the end": b'{"event":"opened","seq":3,"finding":{}}',
    "zeros": bytes(5_000),
    "zeros, many": bytes(3 << 20),
    "a line that is none": b"hello\n\n\n",
    "another document": b'{"seq":"x"}\n[]\n7\n',
    "a huge number": b'{"seq":99999999999999999999,"finding":{}}\n',
    "a negative number": b'{"seq":-1,"finding":{}}\n',
}


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("tail", TAILS)
def test_what_is_no_whole_event_is_cut_off(
    tmp_path: Path, tail: str, capsys: pytest.CaptureFixture[str], *, lost: bool
) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START), finding("b", START)), START)
    whole = (tmp_path / "findings.jsonl").read_bytes()
    (tmp_path / "findings.jsonl").write_bytes(whole + TAILS[tail])
    if lost:
        (tmp_path / FILE).unlink()
    with Store(tmp_path) as store:
        assert (tmp_path / "findings.jsonl").read_bytes() == whole
        (event,) = store.record(report(LATER, *(finding(name, LATER) for name in "abc")), LATER)
        assert event.seq == 3
    assert f"cut off {len(TAILS[tail])} bytes" in capsys.readouterr().err
    assert numbers(tmp_path) == [1, 2, 3]


def test_a_damaged_event_amid_others_costs_that_one_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [event(at, finding(name, START)) for at, name in enumerate("abcd", 1)]
    (tmp_path / "findings.jsonl.1").write_bytes(lines[0] + b"\xff\xfe" + lines[1])
    (tmp_path / "findings.jsonl").write_bytes(b"".join(lines[2:]))
    with Store(tmp_path) as store:
        assert names(store) == dict.fromkeys("acd", "open")
        assert [one.seq for one in store.record(report(START), START)] == [5, 6, 7]
    assert "findings.jsonl.1: left out 1 lines that were no event" in capsys.readouterr().err


def test_files_that_are_lost_are_written_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START)), START)
        for name in ("findings.json", "findings.jsonl"):
            (tmp_path / name).unlink()
        store.record(report(START, finding("a", START), finding("b", START)), START)
    assert numbers(tmp_path) == [1, 2]
    assert len(orjson.loads((tmp_path / "findings.json").read_bytes())["findings"]) == 2


def test_a_lost_database_costs_neither_first_seen_nor_a_number(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START), finding("b", START)), START)
        before = Reader(tmp_path).version()
    (tmp_path / FILE).unlink()
    with Store(tmp_path) as store:
        reader = Reader(tmp_path)
        assert reader.version().epoch != before.epoch
        with pytest.raises(Gone):
            reader.events(1, 10)
        assert reader.events(2, 10).lines == ()
        (event,) = store.record(report(LATER, finding("a", LATER)), LATER)
        assert (event.event, event.seq) == ("resolved", 3)
        assert reader.events(2, 10).last == 3
        reader.close()
    assert {one["first_seen"] for one in orjson.loads((tmp_path / "findings.json").read_bytes())["findings"]} == {
        "2026-11-23T00:00:00Z"
    }


@pytest.mark.parametrize("events", [True, False])
def test_an_old_backup_takes_from_the_files_what_it_does_not_know(tmp_path: Path, *, events: bool) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START), finding("b", START)), START)
    shutil.copy(tmp_path / FILE, tmp_path / "backup")
    with Store(tmp_path) as store:
        store.record(report(LATER, finding("b", LATER), finding("c", LATER)), LATER)  # a goes, c comes
        before = Reader(tmp_path).version()
        assert before.seq == 4
    for file in tmp_path.glob(f"{FILE}*"):
        file.unlink()
    (tmp_path / "backup").rename(tmp_path / FILE)
    if not events:
        (tmp_path / "findings.jsonl").unlink()
    at = LATER + timedelta(hours=1)
    with Store(tmp_path) as store:
        reader = Reader(tmp_path)
        assert (reader.version().seq, reader.version().epoch != before.epoch) == (4, True)
        assert names(store) == {"a": "resolved", "b": "open", "c": "open"}
        assert [one.seq for one in store.record(report(at, finding("c", at)), at)] == [5]
        assert [orjson.loads(line)["seq"] for line in reader.events(4, 10).lines] == [5]
        with pytest.raises(Gone):
            reader.events(1, 10)
        reader.close()
    assert numbers(tmp_path) == ([1, 2, 3, 4, 5] if events else [5])


@pytest.mark.parametrize("done", range(4))
def test_a_rotation_that_was_cut_short_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    monkeypatch.setattr(files, "ROTATE_AT", 1)
    with Store(tmp_path) as store:
        for at in range(1, 4):
            store.record(report(START, *(finding(name, START) for name in "abc"[:at])), START)
    assert numbers(tmp_path) == [1, 2, 3]
    for old, new in ((".2", ".3"), (".1", ".2"), ("", ".1"))[:done]:
        (tmp_path / f"findings.jsonl{old}").rename(tmp_path / f"findings.jsonl{new}")
    with Store(tmp_path) as store:
        store.record(report(START, *(finding(name, START) for name in "abcd")), START)
    assert numbers(tmp_path) == [1, 2, 3, 4]
