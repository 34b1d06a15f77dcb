"""What goes when it is old, or when there is too much: resolved findings first, never an open one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agent.model.record import record

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

BATCH: Final = 500
"""Rows that go at once."""
OLDEST: Final = (
    (
        "DELETE FROM findings WHERE uid IN"
        " (SELECT uid FROM findings WHERE resolved_at IS NOT NULL ORDER BY resolved_at LIMIT ?)"
    ),
    "DELETE FROM tallies WHERE rowid IN (SELECT rowid FROM tallies ORDER BY at LIMIT ?)",
    "DELETE FROM verdicts WHERE rowid IN (SELECT rowid FROM verdicts WHERE until IS NOT NULL ORDER BY until LIMIT ?)",
    "DELETE FROM scans WHERE id IN (SELECT id FROM scans ORDER BY id LIMIT ?)",
    "DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?)",
)
"""Where there is too much, in this order."""


@record
class Retention:
    """How long things stay, and how much of them."""

    age: timedelta = timedelta(days=30)
    size: int = 64 << 20
    """Bytes of the database."""


def prune(connection: sqlite3.Connection, keep: Retention, now: datetime) -> bool:
    """Let what is too old go, then what is too much; inside a transaction. Whether the size is kept to."""
    begin = (now - keep.age).timestamp()
    for statement in (
        "DELETE FROM findings WHERE resolved_at IS NOT NULL AND resolved_at <= ?",
        "DELETE FROM events WHERE at <= ?",
        "DELETE FROM scans WHERE at <= ?",
        "DELETE FROM verdicts WHERE until IS NOT NULL AND until <= ?",
        "DELETE FROM tallies WHERE at <= ?",
    ):
        connection.execute(statement, (begin,))
    for statement in OLDEST:
        while used(connection) > keep.size:
            if connection.execute(statement, (BATCH,)).rowcount <= 0:
                break
        else:
            return True
    return False


def used(connection: sqlite3.Connection) -> int:
    """Bytes of the database that hold something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
