"""The database: its tables, how older ones are brought up to date, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from agent.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE: Final = "gateproof.db"
MODE: Final = 0o640
ID: Final = 0x67707266
"""``application_id`` of a database of ours: "gprf"."""
PAGE: Final = 8_192
"""Bytes; findings are of some two thousand, of which smaller pages hold few."""
CACHE: Final = 65_536
"""KiB, at most: where ten thousand findings change, none of their pages goes to the log twice, or is read twice."""
PATIENCE: Final = 5.0
"""Seconds to wait for another who writes or checkpoints."""
WAL_STAYS: Final = 8 << 20
"""Bytes of the log that stay on disk; a longer one is brought into the database."""
WORDS: Final = {
    sqlite3.SQLITE_BUSY: "another program holds it",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened, or made",
    sqlite3.SQLITE_FULL: "no space left",
    sqlite3.SQLITE_IOERR: "the disk is full, or fails",
    sqlite3.SQLITE_READONLY: "it is read-only",
}
READING: Final = 65.0
"""Seconds that a reader takes at the longest (agent/serve/answers.py)."""
AGAIN: Final = 0.1
MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
    CREATE TABLE findings (
        uid TEXT PRIMARY KEY, status TEXT NOT NULL, said BLOB NOT NULL, first_seen REAL NOT NULL,
        last_changed REAL NOT NULL, resolved_at REAL, absent REAL, returned TEXT NOT NULL, count INTEGER NOT NULL,
        seq INTEGER NOT NULL, severity TEXT NOT NULL, source TEXT NOT NULL, pack TEXT NOT NULL, body BLOB NOT NULL
    );
    CREATE INDEX findings_resolved ON findings (resolved_at) WHERE resolved_at IS NOT NULL;
    CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, uid TEXT NOT NULL, line BLOB NOT NULL);
    CREATE TABLE scans (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL, duration REAL, trouble TEXT NOT NULL,
        findings INTEGER, opened INTEGER, changed INTEGER, resolved INTEGER, reopened INTEGER
    );
    CREATE TABLE checks (
        name TEXT PRIMARY KEY, attempted REAL NOT NULL, succeeded REAL, duration REAL, trouble TEXT NOT NULL,
        unknown TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE verdicts (
        pack TEXT NOT NULL, domain TEXT NOT NULL, zone TEXT NOT NULL, verdict TEXT NOT NULL, coverage REAL,
        since REAL NOT NULL, until REAL
    );
    CREATE INDEX verdicts_of ON verdicts (pack, domain, zone, since);
    CREATE INDEX verdicts_past ON verdicts (until) WHERE until IS NOT NULL;
    CREATE TABLE tallies (
        at REAL NOT NULL, pack TEXT NOT NULL, domain TEXT NOT NULL, addresses INTEGER NOT NULL,
        passed INTEGER NOT NULL, blocked INTEGER NOT NULL, inconclusive INTEGER NOT NULL
    );
    CREATE INDEX tallies_at ON tallies (at);
    CREATE TABLE documents (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE explanations (
        domain TEXT NOT NULL, zone TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (domain, zone)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE findings ADD COLUMN latest BLOB NOT NULL DEFAULT x'';
    ALTER TABLE findings ADD COLUMN turned TEXT NOT NULL DEFAULT '[]';
    """,
)
"""What makes each version out of the one before it; a version that was released is never edited."""


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open the database; a reader never changes it. Raises sqlite3.Error."""
    mode = "rw" if write else "ro"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,  # transactions begin and end where it is written
        check_same_thread=False,  # audits run in one thread, one at a time
        timeout=PATIENCE,
    )
    if write:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # it would be part of the commit; see checkpoint
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        connection.execute("PRAGMA secure_delete = FAST")  # some build it so that pages of no use are written again
    else:
        connection.execute("PRAGMA query_only = 1")
    return connection


def prepare(path: Path, migrations: Sequence[str] = MIGRATIONS) -> sqlite3.Connection:
    """Open it for writing, make it if need be, and bring it up to date.

    Raises StateError where a newer gateproof has written it, sqlite3.DatabaseError where it is damaged, and
    sqlite3.OperationalError or OSError where it cannot be used.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE))
    connection = connect(path, write=True)
    try:
        _migrate(connection, path, migrations)
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    version = check_version(connection, path, len(migrations))
    if version == 0:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _write_ahead(connection)
    connection.execute(f"PRAGMA journal_size_limit = {WAL_STAYS}")
    for number, script in enumerate(migrations[version:], version + 1):
        # one transaction for each: a crash leaves one version or the next
        begin = f"BEGIN IMMEDIATE;PRAGMA application_id = {ID}"
        connection.executescript(f"{begin};{script};PRAGMA user_version = {number};COMMIT")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Begin a log; a reader that has begun without one may go on as long as the API lets it. Raises sqlite3.Error."""
    end = time.monotonic() + READING
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(AGAIN)  # SQLite itself does not wait here
        else:
            return


def is_long(path: Path) -> bool:
    """Whether the log of a database is longer than it may stay."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > WAL_STAYS
    except OSError:
        return False


def checkpoint(path: Path) -> None:
    """Bring the log into the database as far as readers let it; what fails is done after the next audit."""
    with suppress(sqlite3.Error), closing(connect(path, write=True)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _check(connection: sqlite3.Connection) -> None:
    fault = " ".join(connection.execute("PRAGMA quick_check(1)").fetchone()[0].split())
    if fault != "ok":
        error = sqlite3.DatabaseError(fault)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def check_version(connection: sqlite3.Connection, path: Path, ours: int = len(MIGRATIONS)) -> int:
    """The version of what is there; raises StateError where it is newer than this program, or of another."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    program: int = connection.execute("PRAGMA application_id").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if program != ID and (program or version or tables):
        raise StateError(f"{path}: a database of another program; take it away, or give another --state-dir")
    if version > ours:
        raise StateError(
            f"{path}: written by a newer gateproof (schema {version}, this one knows {ours});"
            " use that, or another --state-dir"
        )
    return version


def damaged(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is no whole database."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def words(error: sqlite3.Error) -> str:
    """What SQLite says, in the words of the other messages."""
    name = getattr(error, "sqlite_errorname", "")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return f"{WORDS[code]} ({name})" if code in WORDS else str(error)
