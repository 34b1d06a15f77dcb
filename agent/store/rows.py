"""A finding that is known, and the row of the database that holds it."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.store.lifecycle import Known

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

COLUMNS: Final = tuple(one.name for one in fields(Known))
VALUES: Final = attrgetter(*COLUMNS)
TIMES: Final = tuple(map(COLUMNS.index, ("returned", "turned")))
GET: Final = f"SELECT {', '.join(COLUMNS)} FROM findings ORDER BY uid"  # noqa: S608 - our own names
PUT: Final = (
    f"INSERT INTO findings ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - our own names
    f" ON CONFLICT (uid) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[1:])}"
)
"""Rows stay where they are, which is half the work of writing them anew."""


def put(connection: sqlite3.Connection, rows: Iterable[Known]) -> None:
    """Write findings, new ones and changed ones; raises sqlite3.Error."""
    connection.executemany(PUT, map(_row, rows))


def all_known(connection: sqlite3.Connection) -> dict[str, Known]:
    """All findings by uid; raises sqlite3.Error."""
    return {row[0]: _known(row) for row in connection.execute(GET)}


def _row(one: Known) -> tuple[Any, ...]:
    values = list(VALUES(one))
    for at in TIMES:
        values[at] = orjson.dumps(values[at]).decode() if values[at] else "[]"
    return tuple(values)


def _known(row: tuple[Any, ...]) -> Known:
    values = list(row)
    for at in TIMES:
        values[at] = () if row[at] == "[]" else tuple(orjson.loads(row[at]))
    return Known(*values)
