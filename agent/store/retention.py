"""What goes when it is old, or when there is too much: resolved findings first, never an open one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from agent.model.record import record

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

PACE: Final = 2 * 86_400.0
"""Seconds; where audits are rarer than that, things stay longer."""
BATCH: Final = 500
"""Rows that go at once."""
OLD: Final = (
    "DELETE FROM findings WHERE resolved_at IS NOT NULL AND resolved_at <= :begin",
    # those in front of the first that is young, so that numbers stay without gaps whatever the clock did
    (
        "DELETE FROM events WHERE seq <= :told AND seq <"
        " coalesce((SELECT seq FROM events WHERE at > :begin ORDER BY seq LIMIT 1), :told + 1)"
    ),
    "DELETE FROM scans WHERE at <= :begin",
    "DELETE FROM verdicts WHERE until IS NOT NULL AND until <= :begin",
    "DELETE FROM tallies WHERE at <= :begin",
)
OLDEST: Final = (
    (
        "DELETE FROM findings WHERE uid IN"
        " (SELECT uid FROM findings WHERE resolved_at IS NOT NULL ORDER BY resolved_at LIMIT :batch)"
    ),
    "DELETE FROM tallies WHERE rowid IN (SELECT rowid FROM tallies ORDER BY at LIMIT :batch)",
    (
        "DELETE FROM verdicts WHERE rowid IN"
        " (SELECT rowid FROM verdicts WHERE until IS NOT NULL ORDER BY until LIMIT :batch)"
    ),
    "DELETE FROM scans WHERE id IN (SELECT id FROM scans ORDER BY id LIMIT :batch)",
    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= :told ORDER BY seq LIMIT :batch)",
)
"""Where there is too much, in this order."""
TIMES: Final = (
    ("findings", "resolved_at"),
    ("events", "at"),
    ("scans", "at"),
    ("verdicts", "since"),
    ("verdicts", "until"),
    ("tallies", "at"),
)
"""What age is measured by; first_seen is none of it, and stays."""


@record
class Retention:
    """How long things stay, and how much of them."""

    age: timedelta = timedelta(days=30)
    size: int = 64 << 20
    """Bytes of the database."""


def prune(connection: sqlite3.Connection, keep: Retention, now: datetime, told: int) -> bool:
    """Let what is too old go, then what is too much; inside a transaction. Whether the size is kept to.

    Events after the number ``told`` stay: nobody can have seen them yet.
    """
    begin = _clock(connection, now) - keep.age.total_seconds()
    for statement in OLD:
        connection.execute(statement, {"begin": begin, "told": told})
    for statement in OLDEST:
        while used(connection) > keep.size:
            if connection.execute(statement, {"batch": BATCH, "told": told}).rowcount <= 0:
                break
        else:
            return True
    return False


def _clock(connection: sqlite3.Connection, now: datetime) -> float:
    """The time that age is measured by: our own, which never runs backwards, nor ahead by more than PACE an audit.

    So a clock that is wrong for some audits, by years, does not empty the store; after a long pause, some audits catch
    up. What a clock that was ahead has written is taken back, or it would stay for as long as that clock was ahead;
    what one that is behind writes counts as of our own time, or it would go at once when that clock is right again.
    """
    at = now.timestamp()
    meta = dict(connection.execute("SELECT name, value FROM meta WHERE name IN ('clock', 'latest')"))
    clock = max(min(at, meta["clock"] + PACE), meta["clock"]) if "clock" in meta else at
    if at < max(clock, meta.get("latest", at)):
        last = max(at, clock)
        for table, column in TIMES:
            where = f"{column} > :last OR {column} = :at"
            connection.execute(f"UPDATE {table} SET {column} = :last WHERE {where}", {"last": last, "at": at})  # noqa: S608 - our own names
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", (("clock", clock), ("latest", at)))
    return min(clock, at)


def used(connection: sqlite3.Connection) -> int:
    """Bytes of the database that hold something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
