"""The database's versions, and databases that are none of ours, or no whole ones any more."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.errors import StateError
from agent.store import Reader, Store, schema
from agent.store.rows import all_known
from agent.store.schema import FILE, MIGRATIONS, prepare
from tests.store.test_kill import numbers
from tests.store.test_lifecycle import START, finding, report

if TYPE_CHECKING:
    from pathlib import Path

NEXT = (*MIGRATIONS, "ALTER TABLE findings ADD COLUMN owner TEXT NOT NULL DEFAULT ''; CREATE TABLE owners (name TEXT)")
BROKEN = (*MIGRATIONS, "CREATE TABLE owners (name TEXT); DROP TABLE findings; CREATE TABLE meta (x)")
LATER = START + timedelta(hours=1)


def recorded(folder: Path) -> None:
    with Store(folder) as store:
        store.record(report(START, finding("a", START), finding("b", START)), START)


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}"), key=str)  # noqa: S608 - our own names
            for table in tables
        }
    finally:
        connection.close()


def epoch_of(path: Path) -> object:
    return next(row[1] for row in contents(path)["meta"] if row[0] == "epoch")


def filled(connection: sqlite3.Connection) -> None:
    """A row in each table, whatever its columns are in that version."""
    for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        values = [b"[]" if kind == "BLOB" else 1 if kind in ("INTEGER", "REAL") else "[]" for _, _, kind, *_ in columns]
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608 - likewise


@pytest.mark.parametrize("old", range(1, len(NEXT)))
def test_each_older_version_is_brought_up_to_date(tmp_path: Path, old: int) -> None:
    path = tmp_path / FILE
    connection = prepare(path, NEXT[:old])
    filled(connection)
    connection.close()
    before = contents(path)
    prepare(path, NEXT).close()
    after = contents(path)
    assert version(path) == len(NEXT)
    for table, rows in before.items():
        assert [row[: len(rows[0])] for row in after[table]] == rows, table
    fresh = prepare(tmp_path / "fresh.db", NEXT)
    filled(fresh)
    fresh.close()
    assert contents(tmp_path / "fresh.db").keys() == after.keys()


def test_a_migration_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    recorded(tmp_path)
    before = contents(tmp_path / FILE)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        prepare(tmp_path / FILE, BROKEN)
    assert version(tmp_path / FILE) == len(MIGRATIONS)
    assert contents(tmp_path / FILE) == before
    recorded(tmp_path)


def test_a_newer_version_is_refused_by_writer_and_reader(tmp_path: Path) -> None:
    recorded(tmp_path)
    prepare(tmp_path / FILE, NEXT).close()
    before = (tmp_path / FILE).read_bytes()
    for wanted in (Store, Reader):
        with pytest.raises(
            StateError, match=rf"newer gateproof \(schema {len(NEXT)}, this one knows {len(MIGRATIONS)}\); use that"
        ):
            wanted(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


@pytest.mark.parametrize("script", ["CREATE TABLE meta (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"])
def test_a_database_of_another_program_is_left_alone(tmp_path: Path, script: str) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute(script)
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StateError, match="a database of another program"):
        Store(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_an_upgrade_changes_no_uid_no_number_and_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tmp_path)
    with Store(tmp_path) as store:
        before = all_known(store._connection)
    monkeypatch.setattr(schema, "MIGRATIONS", NEXT)
    monkeypatch.setattr(schema.prepare, "__defaults__", (NEXT,))
    monkeypatch.setattr(schema.check_version, "__defaults__", (len(NEXT),))
    with Store(tmp_path) as store:
        assert all_known(store._connection) == before
        (event,) = store.record(report(LATER, finding("a", LATER)), LATER)
        assert (event.event, event.seq) == ("resolved", 3)
    assert version(tmp_path / FILE) == len(NEXT)


def damaged(data: bytes, how: str) -> bytes:
    match how:
        case "text":
            return b"this is no database\n" * 100
        case "cut":
            return data[: len(data) // 2]
        case "a page":
            return data[:8192] + b"\xff" * 8192 + data[16384:]
    return data[:100] + bytes(len(data) - 100)


@pytest.mark.parametrize("damage", ["text", "cut", "a page", "zeros"])
def test_a_damaged_database_is_made_again_from_the_files(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(tmp_path)
    epoch = epoch_of(tmp_path / FILE)
    path = tmp_path / FILE
    path.write_bytes(damaged(path.read_bytes(), damage))
    with Store(tmp_path) as store:
        (event,) = store.record(report(LATER, finding("a", LATER)), LATER)
        assert (event.event, event.seq) == ("resolved", 3)
        told = {one.status: orjson.loads(one.body)["first_seen"] for one in all_known(store._connection).values()}
    assert told == dict.fromkeys(("open", "resolved"), "2026-11-23T00:00:00Z")
    assert re.search(r"gateproof\.db is damaged \(.*\); moved to gateproof\.db\.broken", capsys.readouterr().err)
    assert (tmp_path / "gateproof.db.broken").exists()
    assert numbers(tmp_path) == [1, 2, 3]
    assert epoch_of(path) != epoch


def test_damage_under_a_running_store_is_said_and_mended_with_the_next_audit(tmp_path: Path) -> None:
    recorded(tmp_path)
    path = tmp_path / FILE
    with Store(tmp_path) as store:
        other = sqlite3.connect(path, isolation_level=None)  # so that the store has to read it anew
        other.execute("UPDATE meta SET value = value WHERE name = 'seq'")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        with path.open("r+b") as file:
            file.seek(100)
            file.write(b"\xff" * (path.stat().st_size - 100))
        with pytest.raises(StateError, match=r"gateproof\.db: cannot be written: .*malformed"):
            store.record(report(LATER, finding("a", LATER)), LATER)
        (event,) = store.record(report(LATER, finding("a", LATER)), LATER)
        assert (event.event, event.seq) == ("resolved", 3)
        reader = Reader(tmp_path)
        assert reader.standing().kept.errors == 1
        reader.close()
    assert numbers(tmp_path) == [1, 2, 3]


def test_a_database_that_another_program_holds_is_waited_for_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "PATIENCE", 0.05)
    with Store(tmp_path) as store:
        other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="cannot be written: another program holds it"):
            store.record(report(START, finding("a", START)), START)
        other.execute("ROLLBACK")
        other.close()
        assert len(store.record(report(START, finding("a", START)), START)) == 1
