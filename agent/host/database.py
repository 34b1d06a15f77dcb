"""Rows of SQLite databases, as agent/snapshot/table.py writes them. The database is opened to be read alone."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from agent.host.inside import open_to_read, split
from agent.snapshot import Artifact, Status
from agent.snapshot.redact import redact
from agent.snapshot.table import artifact_name

if TYPE_CHECKING:
    from agent.snapshot import Rows

STEP: Final = 100_000
"""Instructions of SQLite's machine between two looks at the clock."""
PIECE: Final = 10_000
"""Rows that are fetched at once."""


def rows(ask: Rows, timeout: float, limit: int) -> Artifact:
    """Give the rows of one table; names of tables and columns must have been held against a list before.

    More bytes than the limit, or more seconds than the timeout, are a failure, not a cut.
    """
    name = artifact_name(ask.path, ask.table)
    try:
        handle = open_to_read(ask.path)  # SQLite does not say why it cannot open a file
    except (FileNotFoundError, NotADirectoryError):
        return Artifact(name, Status.ABSENT, detail="no such file")
    except PermissionError:
        return Artifact(name, Status.DENIED, detail="permission denied")
    except OSError as error:
        return Artifact(name, Status.FAILED, detail=error.strerror or str(error))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return Artifact(name, Status.FAILED, detail="not a regular file")
        # what a container could exchange for a link is read as it was opened, without what is not written back yet
        inside = split(ask.path)[0]
        place = (
            f"file:/proc/self/fd/{file.fileno()}?mode=ro&immutable=1" if inside else f"file:{quote(ask.path)}?mode=ro"
        )
        return _rows(name, place, ask, timeout, limit)


def _rows(name: str, place: str, ask: Rows, timeout: float, limit: int) -> Artifact:
    end = time.monotonic() + timeout
    try:
        with closing(sqlite3.connect(place, timeout=timeout, uri=True)) as database:
            database.text_factory = bytes
            database.set_progress_handler(lambda: time.monotonic() > end, STEP)
            data = _text(database, ask, limit)
    except sqlite3.Error as error:
        if time.monotonic() > end:
            return Artifact(name, Status.TIMEOUT, detail=f"{ask.table}: no answer within {timeout:g} s")
        return Artifact(name, Status.FAILED, detail=str(error))
    if data is None:
        return Artifact(name, Status.ABSENT, detail=f"no table {ask.table} with these columns")
    if len(data) > limit:
        return Artifact(name, Status.FAILED, detail=f"{ask.table} has more than {limit} bytes")
    return Artifact(name, Status.OK, redact(data))


def _text(database: sqlite3.Connection, ask: Rows, limit: int) -> bytes | None:
    """The table as text, or somewhat more than the limit; None where there is no such table."""
    there = {row[1].decode() for row in database.execute(f'PRAGMA table_info("{ask.table}")')}
    columns = [one for one in ask.columns if one in there]
    if not columns:
        return None
    values = [
        f"replace(replace(replace(ifnull(\"{one}\", ''), char(9), ' '), char(10), ' '), char(13), ' ')"
        for one in columns
    ]
    select = f'SELECT {" || char(9) || ".join(values)} FROM "{ask.table}"'  # noqa: S608 - names from a list of ours
    out = bytearray("\t".join(columns).encode() + b"\n")
    found = database.execute(select)
    while len(out) <= limit and (piece := found.fetchmany(PIECE)):
        out += b"\n".join(row[0] for row in piece) + b"\n"
    return bytes(out)
