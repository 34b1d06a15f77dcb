"""The findings of one host over time: one writer, and the files that it keeps beside the database."""

from __future__ import annotations

import fcntl
import gc
import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from agent.errors import StateError
from agent.model.standing import AUDIT, Check
from agent.store import files, history
from agent.store.lifecycle import CHANGES, Event, fold
from agent.store.opening import opened
from agent.store.retention import Retention, prune
from agent.store.rows import all_known, put
from agent.store.schema import FILE, MODE, checkpoint, damaged, is_long, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from agent.model.evidence import Observed
    from agent.model.explanation import Explanation
    from agent.model.report import Report

BEHIND: Final = 10_000
"""Events that are written to the file at once, where it lags behind the database."""
SPARE: Final = 4
"""The part of the database that may be empty: one of four pages."""


class Store:
    """The findings of one host; one process at a time may write."""

    def __init__(self, folder: Path, keep: Retention | None = None) -> None:
        """Open a state folder, making it if need be; raises StateError with one line."""
        self._folder = folder
        self._keep = keep or Retention()
        self._failed = 0
        """Times that it could not be written, and that it could not be told."""
        self._told = ""
        self._damaged = False
        """Whether the database has to be made again before it can be used."""
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
            self._connection = opened(self._folder)
        except BaseException:
            os.close(self._lock)
            raise
        try:
            self._mirror()  # what a crash kept from the file
        except StateError as error:
            self._tell(str(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have the folder."""
        try:
            with suppress(sqlite3.Error):
                # without a log, those who may only read can read on; where one does right now, the log stays
                self._connection.execute("PRAGMA busy_timeout = 0")
                self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.close()
        finally:
            with suppress(OSError):
                os.close(self._lock)

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder

    @property
    def open_findings(self) -> int:
        """How many are open, and not suppressed."""
        query = "SELECT count(*) FROM findings WHERE status = 'open'"
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
        with self._transaction() as connection, _unswept():
            seq = self._seq()
            rows, events = fold(all_known(connection), report, now, seq)
            put(connection, rows)
            lines = [one.line() for one in events]
            connection.executemany(
                "INSERT INTO events (seq, at, uid, line) VALUES (?, ?, ?, ?)",
                ((one.seq, now.timestamp(), one.uid, line) for one, line in zip(events, lines, strict=True)),
            )
            counts = {kind: sum(one.event == kind for one in events) for kind in CHANGES}
            self._set("seq", seq + len(events))
            self._add("opened", counts["opened"] + counts["reopened"])
            self._add("resolved", counts["resolved"])
            self._set("recorded", now.timestamp())
            history.scanned(connection, report, now, counts, next((one for one in checks if one.name == AUDIT), None))
            for check in checks:
                history.checked(connection, check)
            history.settled(connection, checks)
            history.verdicts(connection, report, now)
            history.tallied(connection, report, observed, now)
            history.documents(connection, report, explanations)
            within = prune(connection, self._keep, now, seq)
        if not within:
            self._tell(f"{self._folder / FILE}: what is open alone takes more than it may; nothing of it is dropped")
        self._vacuum()
        with self._shortened():
            self._mirror(seq, lines)
            self._state()
        return events

    def failed(self, check: Check) -> None:
        """Remember that something could not be done; raises StateError."""
        with self._transaction() as connection:
            history.checked(connection, check)
            history.failed(connection, check)
            prune(connection, self._keep, check.attempted, self._seq())
        if is_long(self._folder / FILE):
            checkpoint(self._folder / FILE)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; raises StateError."""
        if self._damaged:
            self._connection.close()
            self._connection, self._damaged = opened(self._folder), False
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
            raise self._trouble(error) from error
        self._failed = 0

    def _trouble(self, error: sqlite3.Error | OSError) -> StateError:
        """What to say where something could not be written; it is counted with the next that can be."""
        self._failed += 1
        if isinstance(error, OSError):
            return StateError(f"{error.filename or self._folder}: cannot be written: {error.strerror}")
        self._damaged = self._damaged or damaged(error)
        return StateError(f"{self._folder / FILE}: cannot be written: {words(error)}")

    def _seq(self) -> int:
        return int(self._connection.execute("SELECT value FROM meta WHERE name = 'seq'").fetchone()[0])

    def _set(self, name: str, value: float) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def _add(self, name: str, number: int) -> None:
        self._connection.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + ?",
            (name, number, number),
        )

    def _vacuum(self) -> None:
        """Give room back to the disk, where that is more than the next audits fill again; no trouble if it fails."""
        with suppress(sqlite3.Error):
            pages, free = (
                self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
            )
            if free > pages // SPARE:
                self._connection.execute(f"PRAGMA incremental_vacuum({free - pages // SPARE})").fetchall()

    @contextmanager
    def _shortened(self) -> Iterator[None]:
        """Bring a long log into the database meanwhile: that and the files wait for the disk, not for each other."""
        path = self._folder / FILE
        if not is_long(path):
            yield
            return
        with ThreadPoolExecutor(1) as other:
            other.submit(checkpoint, path)
            yield

    def _mirror(self, seq: int = -1, lines: Sequence[bytes] = ()) -> None:
        """Write the events that the file does not have yet; ``lines`` are those after ``seq``. Raises StateError."""
        query = "SELECT seq, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
        try:
            written = files.last_written(self._folder)
            if written == seq:  # they need not be read again
                files.append(self._folder, lines)
                return
            while found := self._connection.execute(query, (written, BEHIND)).fetchall():
                files.append(self._folder, [line for _, line in found])
                written = found[-1][0]
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(error) from error

    def _state(self) -> None:
        """Write all findings to their file; raises StateError."""
        connection = self._connection
        try:
            host = connection.execute("SELECT body FROM documents WHERE name = 'host'").fetchone()
            found = connection.execute("SELECT body FROM findings ORDER BY uid")
            bodies = iter(lambda: [row[0] for row in found.fetchmany(files.CHUNK)], [])
            files.write_state(self._folder, host[0] if host else b"null", self._seq(), bodies)
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(error) from error

    def _tell(self, text: str) -> None:
        """Say something once."""
        if text != self._told:
            self._told = text
            sys.stderr.write(f"gateproof: {text}\n")


@contextmanager
def _unswept() -> Iterator[None]:
    """No search for cycles meanwhile: there are none, and it goes through each of ten thousand findings, often."""
    swept = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if swept:
            gc.enable()
