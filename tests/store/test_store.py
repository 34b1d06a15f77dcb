"""The store: what is committed stays, whatever happens to the files and the disk."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.errors import StateError
from agent.model.standing import Check
from agent.store import Reader, Store
from agent.store.reading import Filter
from agent.store.schema import WAL_STAYS
from tests.store.test_lifecycle import START, finding, report

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def test_what_is_recorded_can_be_read(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START), finding("b", START)), START)
        reader = Reader(tmp_path)
        before = reader.version()
        later = START + timedelta(hours=1)
        store.record(report(later, finding("a", later)), later)
        assert reader.version().revision == before.revision + 1
        with reader.snapshot(Filter()) as (version, chunks):
            (one,) = [orjson.loads(body) for chunk in chunks for body in chunk]
        assert version == reader.version()
        assert (one["subject"]["name"], one["count"]) == ("a", 2)
        page = reader.events(0, 2)
        assert ([orjson.loads(line)["event"] for line in page.lines], page.last, page.more) == (["opened"] * 2, 2, True)
        assert [orjson.loads(line)["event"] for line in reader.events(2, 10).lines] == ["resolved"]
        standing = reader.standing()
        assert (standing.kept.opened, standing.kept.resolved, standing.at) == (2, 1, later)
    reader.close()


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
    with pytest.raises(StateError, match="no store yet"):
        Reader(tmp_path / "nowhere")


def test_a_reader_that_takes_its_time_sees_one_state_and_holds_nobody_up(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(800)]
    with Store(tmp_path) as store:
        for minute in range(12):
            at = START + timedelta(minutes=minute)
            found = [finding(name, at, summary=f"{minute} of them") for name in names]
            if minute == 1:
                reader = Reader(tmp_path)
                taking = reader.snapshot(Filter())
                version, chunks = taking.__enter__()
                next(chunks)
            store.record(report(at, *found), at)
        log = tmp_path / "gateproof.db-wal"
        assert log.stat().st_size > WAL_STAYS, "the log has what the reader does not see yet"
        assert reader.standing().kept.size > log.stat().st_size
        rest = [orjson.loads(body) for chunk in chunks for body in chunk]
        assert version.seq == 800
        assert len(rest) > 500
        assert {one["summary"] for one in rest} == {"0 of them"}
        taking.__exit__(None, None, None)
        for minute in (20, 21):
            at = START + timedelta(minutes=minute)
            store.record(report(at, *(finding(name, at) for name in names)), at)
        assert log.stat().st_size <= WAL_STAYS
        reader.close()


def test_who_may_not_look_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"gateproof\.db: cannot be read: Not a directory"):
        Reader(tmp_path / "file")
    (tmp_path / "gateproof.db").write_text("this is no database\n" * 100)
    with pytest.raises(StateError, match=r"gateproof\.db: cannot be read: file is not a database"):
        Reader(tmp_path)
    (tmp_path / "gateproof.db").write_bytes(b"")
    with pytest.raises(StateError, match="is only being made; try again"):
        Reader(tmp_path)


def test_a_store_opens_when_those_who_read_without_a_log_have_done(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record(report(START, finding("a", START)), START)
    reader = Reader(tmp_path)
    with reader.snapshot(Filter()) as (_, chunks):
        next(chunks)
        opened: list[Store] = []
        opening = threading.Thread(target=lambda: opened.append(Store(tmp_path)))
        opening.start()
        opening.join(0.5)
        assert opening.is_alive(), "it waits, and does not fail"
    opening.join(30)
    (store,) = opened
    store.record(report(START), START)
    store.close()
    reader.close()


def test_a_check_that_nobody_makes_any_more_is_forgotten(tmp_path: Path) -> None:
    later = START + timedelta(hours=1)

    def checks(*names: str, at: datetime = START) -> list[Check]:
        return [Check(name=name, attempted=at, succeeded=at) for name in names]

    with Store(tmp_path) as store:
        store.record(report(START), START, checks=checks("audit", "observe", "collect:squid"))
        store.failed(Check(name="audit", attempted=later, trouble="no"))
        reader = Reader(tmp_path)
        assert {one.name for one in reader.standing().checks} == {"audit", "observe", "collect:squid"}
        store.record(report(later), later, checks=checks("audit", "collect:nft", at=later))
        assert {one.name for one in reader.standing().checks} == {"audit", "collect:nft"}
    reader.close()
