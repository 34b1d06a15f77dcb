"""The database as it has to be before anything is recorded: mended, or made again from the files."""

from __future__ import annotations

import secrets
import sqlite3
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.errors import StateError
from agent.store import files, older
from agent.store.lifecycle import imported
from agent.store.rows import put
from agent.store.schema import FILE, damaged, prepare, words

if TYPE_CHECKING:
    from pathlib import Path


def opened(folder: Path) -> sqlite3.Connection:
    """The database, made, mended, or made again from the files; raises StateError."""
    path = folder / FILE
    try:
        try:
            return _filled(folder, prepare(path))
        except sqlite3.DatabaseError as error:
            if not damaged(error):
                raise
            aside = path.with_name(f"{FILE}.broken")
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    path.with_name(FILE + suffix).replace(aside.with_name(aside.name + suffix))
            sys.stderr.write(
                f"gateproof: {path} is damaged ({error}); moved to {aside.name}, made again from {files.STATE}\n"
            )
            return _filled(folder, prepare(path))
    except sqlite3.Error as error:
        raise StateError(f"{path}: cannot be used: {words(error)}") from error
    except OSError as error:
        raise StateError(f"{error.filename or path}: cannot be used: {error.strerror}") from error


def _filled(folder: Path, connection: sqlite3.Connection) -> sqlite3.Connection:
    """A database that knows what the files tell where they are ahead, and never gives a number of theirs again."""
    try:
        known = dict(connection.execute("SELECT name, value FROM meta"))
        seq, written = known.get("seq"), files.last_told(folder)
        if seq is not None and written <= seq:
            return connection
        # there was no database, or it is of an earlier time than the files
        found = older.read(folder)
        connection.execute("BEGIN IMMEDIATE")
        rows = dict(connection.execute("SELECT uid, seq FROM findings"))
        newer = (one for one in found.findings if (one.seq or 0) > rows.get(one.uid, -1))
        put(connection, map(imported, newer))
        connection.execute("DELETE FROM events")  # those between them and the files are missing
        connection.executemany(
            "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)",
            # what was told with other numbers cannot be followed any more: cursors of before are refused
            (("seq", max(found.seq, written)), ("epoch", secrets.token_hex(8))),
        )
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection
