"""The findings of one host over time: one writer, and the files that it keeps beside the database."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import sys
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, Self

import orjson

from agent.errors import StateError
from agent.model.standing import AUDIT, Check, cells
from agent.store import files, older
from agent.store.lifecycle import CHANGES, Change, Event, Known, fold, imported
from agent.store.retention import Retention, prune
from agent.store.schema import FILE, MODE, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from agent.model.evidence import Observed
    from agent.model.explanation import Explanation
    from agent.model.report import Report

COLUMNS: Final = tuple(one.name for one in fields(Known))
PUT_FINDING: Final = f"INSERT OR REPLACE INTO findings ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - our own names
FULL: Final = {"database or disk is full": "no space left", "attempt to write a readonly database": "it is read-only"}
"""What SQLite says, in the words of the other messages."""
BEHIND: Final = 1_000
"""Events that are written to the file at once, where it lags behind the database."""


class Store:
    """The findings of one host; one process at a time may write."""

    def __init__(self, folder: Path, keep: Retention | None = None) -> None:
        """Open a state folder, making it if need be; raises StateError with one line."""
        self._folder = folder
        self._keep = keep or Retention()
        self._failed = 0
        """Times that it could not be written, and that it could not be told."""
        self._told = ""
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        except OSError as error:
            raise StateError(f"{folder}: cannot be used: {error.strerror}; give another --state-dir") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StateError(f"{folder}: another gateproof is using it") from error
        try:
            self._connection = self._opened()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have the folder."""
        self._connection.close()
        with suppress(OSError):
            os.close(self._lock)

    @property
    def open_findings(self) -> int:
        """How many are open or suppressed."""
        query = "SELECT count(*) FROM findings WHERE status != 'resolved'"
        return int(self._connection.execute(query).fetchone()[0])

    def record(
        self,
        report: Report,
        now: datetime,
        *,
        checks: Sequence[Check] = (),
        explanations: Sequence[Explanation] = (),
        observed: Observed | None = None,
    ) -> tuple[Event, ...]:
        """Fold a report in, all or nothing, and write the files; raises StateError.

        Where only the files could not be written, the database counts, and the next report brings them after.
        """
        with self._transaction() as connection:
            seq = self._seq()
            rows, events = fold(self._known(), report, now, seq)
            connection.executemany(PUT_FINDING, map(_columns, rows))
            connection.executemany(
                "INSERT INTO events (seq, at, uid, line) VALUES (?, ?, ?, ?)",
                ((one.seq, one.at.timestamp(), one.uid, one.line()) for one in events),
            )
            counts = {kind: sum(one.event == kind for one in events) for kind in CHANGES}
            self._set("seq", seq + len(events))
            self._add("opened", counts["opened"] + counts["reopened"])
            self._add("resolved", counts["resolved"])
            self._set("recorded", now.timestamp())
            self._scan(report, now, counts, next((one for one in checks if one.name == AUDIT), None))
            for check in checks:
                self._check(check)
            self._history(report, now)
            self._tally(report, observed, now)
            self._documents(report, explanations)
            if not prune(connection, self._keep, now):
                self._tell("its open findings alone take more than it may; nothing of them is dropped")
        self._vacuum()
        self._files()
        return events

    def failed(self, check: Check) -> None:
        """Remember that something could not be done; raises StateError."""
        with self._transaction() as connection:
            self._check(check)
            connection.execute(
                "INSERT INTO scans (name, at, duration, trouble) VALUES (?, ?, ?, ?)",
                (check.name, check.attempted.timestamp(), check.duration, check.trouble),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; raises StateError."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                self._add("revision", 1)
                if self._failed:
                    self._add("errors", self._failed)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # where the disk is full, SQLite has rolled back already
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._failed += 1
            raise StateError(f"{self._folder / FILE}: cannot be written: {FULL.get(str(error), error)}") from error
        self._failed = 0

    def _opened(self) -> sqlite3.Connection:
        """The database, made, mended, or made again from the files; raises StateError."""
        path = self._folder / FILE
        try:
            return self._filled(prepare(path))
        except sqlite3.OperationalError as error:
            raise StateError(f"{path}: cannot be used: {FULL.get(str(error), error)}") from error
        except OSError as error:
            raise StateError(f"{path}: cannot be used: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            aside = path.with_name(f"{FILE}.broken")
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    path.with_name(FILE + suffix).replace(aside.with_name(aside.name + suffix))
            sys.stderr.write(
                f"gateproof: {path} is damaged ({error}); moved to {aside.name}, made again from {files.STATE}\n"
            )
        try:
            return self._filled(prepare(path))
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"{path}: cannot be used: {error}") from error

    def _filled(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """A database that knows what older files told, and never gives a number of theirs again."""
        known = connection.execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()
        written = files.last_written(self._folder)
        if known is not None and written <= known[0]:
            return connection
        found = older.read(self._folder) if known is None else older.Older((), written)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(PUT_FINDING, (_columns(imported(one)) for one in found.findings))
        connection.executemany(
            "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)",
            # what was told with other numbers cannot be followed any more: cursors of before are refused
            (("seq", max(found.seq, written)), ("epoch", secrets.token_hex(8))),
        )
        connection.execute("COMMIT")
        return connection

    def _known(self) -> dict[str, Known]:
        query = f"SELECT {', '.join(COLUMNS)} FROM findings ORDER BY uid"  # noqa: S608 - our own names
        return {row[0]: _known(row) for row in self._connection.execute(query)}

    def _seq(self) -> int:
        return int(self._connection.execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()[0])

    def _set(self, name: str, value: float) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def _add(self, name: str, number: int) -> None:
        self._connection.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + ?",
            (name, number, number),
        )

    def _scan(self, report: Report, now: datetime, counts: Mapping[Change, int], check: Check | None) -> None:
        self._connection.execute(
            "INSERT INTO scans (name, at, duration, trouble, findings, opened, changed, resolved, reopened)"
            " VALUES (?, ?, ?, '', ?, ?, ?, ?, ?)",
            (AUDIT, now.timestamp(), check.duration if check else None, len(report.findings), *counts.values()),
        )

    def _check(self, one: Check) -> None:
        self._connection.execute(
            "INSERT INTO checks (name, attempted, succeeded, duration, trouble, unknown)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET attempted = excluded.attempted,"
            " succeeded = coalesce(excluded.succeeded, succeeded), duration = coalesce(excluded.duration, duration),"
            " trouble = excluded.trouble, unknown = excluded.unknown",
            (
                one.name,
                one.attempted.timestamp(),
                one.succeeded.timestamp() if one.succeeded else None,
                one.duration,
                one.trouble,
                orjson.dumps(dict(one.unknown)).decode(),
            ),
        )

    def _history(self, report: Report, now: datetime) -> None:
        """A row for each time that a domain's verdict from a zone was what it was."""
        at = now.timestamp()
        standing = {
            (pack, domain, zone): (rowid, verdict, coverage)
            for rowid, pack, domain, zone, verdict, coverage in self._connection.execute(
                "SELECT rowid, pack, domain, zone, verdict, coverage FROM verdicts WHERE until IS NULL"
            )
        }
        for cell in cells(report.verdicts):
            key = (cell.pack, cell.domain, cell.zone)
            before = standing.pop(key, None)
            if before is not None and before[1:] == (cell.verdict.value, cell.coverage):
                continue
            if before is not None:
                self._connection.execute("UPDATE verdicts SET until = ? WHERE rowid = ?", (at, before[0]))
            self._connection.execute(
                "INSERT INTO verdicts (pack, domain, zone, verdict, coverage, since) VALUES (?, ?, ?, ?, ?, ?)",
                (*key, cell.verdict.value, cell.coverage, at),
            )
        for rowid, *_ in standing.values():  # a domain or a zone that is no more
            self._connection.execute("UPDATE verdicts SET until = ? WHERE rowid = ?", (at, rowid))

    def _tally(self, report: Report, observed: Observed | None, now: datetime) -> None:
        """What traffic has shown of each domain, in numbers."""
        if observed is None:
            return
        for policy in report.policy:
            for pattern in policy.domains:
                seen = observed.of(policy.name, pattern)
                passed = sum(one.count for one in seen.outcomes if one.passed)
                blocked = sum(one.count for one in seen.outcomes if one.blocked)
                rest = sum(one.count for one in seen.outcomes) - passed - blocked
                self._connection.execute(
                    "INSERT INTO tallies (at, pack, domain, addresses, passed, blocked, inconclusive)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (now.timestamp(), policy.name, pattern, len(seen.addresses), passed, blocked, rest),
                )

    def _documents(self, report: Report, explanations: Sequence[Explanation]) -> None:
        """What the last report says that has no history of its own."""
        told: dict[str, Any] = {
            "host": report.host,
            "scan": report.scan,
            "policy": report.policy,
            "verdicts": report.verdicts,
            "gaps": report.gaps,
            "notes": report.notes,
        }
        self._connection.executemany(
            "INSERT OR REPLACE INTO documents (name, body) VALUES (?, ?)",
            ((name, orjson.dumps(value, option=orjson.OPT_UTC_Z)) for name, value in told.items()),
        )
        self._connection.execute("DELETE FROM explanations")
        self._connection.executemany(
            "INSERT OR REPLACE INTO explanations (domain, zone, body) VALUES (?, ?, ?)",
            ((one.domain, one.zone, orjson.dumps(one)) for one in explanations),
        )

    def _vacuum(self) -> None:
        """Give room back to the disk; that there is none to do it in is no trouble."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA incremental_vacuum(2000)").fetchall()

    def _files(self) -> None:
        """Bring the files after what the database says; raises StateError."""
        connection, seq = self._connection, self._seq()
        try:
            written = files.last_written(self._folder)
            while written < seq:
                query = "SELECT seq, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
                found = connection.execute(query, (written, BEHIND)).fetchall()
                if not found:
                    break
                files.append(self._folder, [line for _, line in found])
                written = found[-1][0]
            host = connection.execute("SELECT body FROM documents WHERE name = 'host'").fetchone()
            bodies = (row[0] for row in connection.execute("SELECT body FROM findings ORDER BY uid"))
            files.write_state(self._folder, host[0] if host else b"null", seq, bodies)
        except OSError as error:
            self._failed += 1
            raise StateError(f"{error.filename or self._folder}: cannot be written: {error.strerror}") from error

    def _tell(self, text: str) -> None:
        """Say something once."""
        if text != self._told:
            self._told = text
            sys.stderr.write(f"gateproof: {self._folder / FILE}: {text}\n")


def _columns(one: Known) -> tuple[Any, ...]:
    values = (getattr(one, name) for name in COLUMNS)
    return tuple(orjson.dumps(value).decode() if isinstance(value, tuple) else value for value in values)


def _known(row: Sequence[Any]) -> Known:
    values = dict(zip(COLUMNS, row, strict=True))
    return Known(**values | {"returned": tuple(orjson.loads(values["returned"]))})
