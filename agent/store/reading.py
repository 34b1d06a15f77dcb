"""The store as those see it who only read: the HTTP API, and the commands that list findings.

What leaves is JSON as it was written, so that a snapshot of ten thousand findings costs no parsing.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import TypeAdapter

from agent.errors import StateError
from agent.model.record import record
from agent.model.report import Host, PolicyOut, SuppressionOut, Verdict
from agent.model.standing import COLLECT, Check, Counted, Kept, Standing, cells
from agent.store.schema import FILE, check_version, connect, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CHUNK: Final = 256
"""Findings that are read at once."""
VERDICTS: Final = TypeAdapter(list[Verdict])
POLICY: Final = TypeAdapter(list[PolicyOut])
HOST: Final = TypeAdapter(Host)
SUPPRESSIONS: Final = TypeAdapter(list[SuppressionOut])


@record
class Filter:
    """Which findings; an empty part asks for nothing."""

    status: frozenset[str] = frozenset({"open", "suppressed"})
    severity: frozenset[str] = frozenset()
    source: frozenset[str] = frozenset()
    pack: frozenset[str] = frozenset()

    def where(self) -> tuple[str, list[str]]:
        """The condition in SQL, with its values."""
        parts, values = [], []
        for name in ("status", "severity", "source", "pack"):
            wanted = sorted(getattr(self, name))
            if wanted:
                parts.append(f"{name} IN ({', '.join('?' * len(wanted))})")
                values.extend(wanted)
        return " AND ".join(parts) or "1", values


@record
class Version:
    """What the state is called: it changes with every commit, and nothing else does it."""

    epoch: str
    revision: int
    seq: int


@record
class Page:
    """Some events, in order."""

    lines: tuple[bytes, ...]
    """Each a line of JSON."""
    last: int
    """The number of the last of them, or that which was asked for where there are none."""
    more: bool
    version: Version
    """Of the state that they were read from."""


class Gone(Exception):  # noqa: N818 - the API's word for it
    """Events after a cursor that are kept no more."""


class Reader:
    """Reads a state folder; never changes it, and needs no lock."""

    def __init__(self, folder: Path) -> None:
        """Open the store; raises StateError."""
        self._path = folder / FILE
        self._connection = self._connected()
        self._version: tuple[int, Version] | None = None

    def close(self) -> None:
        """Let it go."""
        self._connection.close()

    def version(self) -> Version:
        """The version of the state, without touching the disk where nothing changed; raises StateError."""
        with self._errors():
            number = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if self._version is None or self._version[0] != number:
                self._version = number, _version(self._connection)
            return self._version[1]

    @contextmanager
    def snapshot(self, wanted: Filter) -> Iterator[tuple[Version, Iterator[list[bytes]]]]:
        """One state and its findings, some at a time, whatever is written meanwhile; raises StateError.

        They come as they lie there, which is the order in which they were first found: by uid it would take twice as
        long.
        """
        with self._errors():
            connection = self._connected()
            try:
                connection.execute("BEGIN")
                version = _version(connection)
                where, values = wanted.where()
                cursor = connection.execute(f"SELECT body FROM findings WHERE {where} ORDER BY rowid", values)  # noqa: S608 - our own names
                yield version, iter(lambda: [row[0] for row in cursor.fetchmany(CHUNK)], [])
            finally:
                connection.close()

    def finding(self, uid: str) -> bytes | None:
        """One finding as JSON, whatever its status; raises StateError."""
        return self._one("SELECT body FROM findings WHERE uid = ?", uid)

    def events(self, after: int, limit: int) -> Page:
        """Events after a number; raises Gone where some of them are kept no more, StateError."""
        with self._errors():
            self._connection.execute("BEGIN")
            try:
                version = _version(self._connection)
                oldest = self._connection.execute("SELECT min(seq) FROM events").fetchone()[0] or version.seq + 1
                if after + 1 < oldest:
                    raise Gone
                query = "SELECT seq, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
                found = self._connection.execute(query, (after, limit + 1)).fetchall()
            finally:
                self._connection.execute("ROLLBACK")
        lines = tuple(line for _, line in found[:limit])
        return Page(lines, found[len(lines) - 1][0] if lines else after, len(found) > limit, version)

    def from_oldest(self, limit: int) -> Page:
        """The first events that are kept; raises StateError."""
        while True:
            try:
                return self.events(self.oldest(), limit)
            except Gone:  # the oldest went in between
                continue

    def oldest(self) -> int:
        """The number after which all events are kept; raises StateError."""
        with self._errors():
            found = self._connection.execute("SELECT min(seq) FROM events").fetchone()[0]
        return found - 1 if found is not None else self.version().seq

    def document(self, name: str) -> bytes | None:
        """A part of the last report as JSON (``host scan policy verdicts gaps notes``); raises StateError."""
        return self._one("SELECT body FROM documents WHERE name = ?", name)

    def explanations(self, domain: str) -> tuple[bytes, ...]:
        """The roads of one required domain from each zone, as JSON; raises StateError."""
        with self._errors():
            query = "SELECT body FROM explanations WHERE domain = ? ORDER BY zone"
            return tuple(row[0] for row in self._connection.execute(query, (domain,)))

    def history(self, since: datetime) -> tuple[dict[str, Any], ...]:
        """Each verdict of a domain from a zone that stood at some time since then; raises StateError."""
        query = (
            "SELECT pack, domain, zone, verdict, coverage, since, until FROM verdicts"
            " WHERE until IS NULL OR until > ? ORDER BY pack, domain, zone, since"
        )
        names = ("pack", "domain", "zone", "verdict", "coverage", "since", "until")
        return self._rows(query, (since.timestamp(),), names, ("since", "until"))

    def tallies(self, since: datetime) -> tuple[dict[str, Any], ...]:
        """What traffic had shown at each audit since then; raises StateError."""
        names = ("at", "pack", "domain", "addresses", "passed", "blocked", "inconclusive")
        query = f"SELECT {', '.join(names)} FROM tallies WHERE at > ? ORDER BY at, pack, domain"  # noqa: S608 - our own names
        return self._rows(query, (since.timestamp(),), names, ("at",))

    def scans(self, limit: int) -> tuple[dict[str, Any], ...]:
        """The last scans, newest first; raises StateError."""
        names = ("name", "at", "duration", "trouble", "findings", "opened", "changed", "resolved", "reopened")
        query = f"SELECT {', '.join(names)} FROM scans ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own names
        return self._rows(query, (limit,), names, ("at",))

    def standing(self) -> Standing:
        """How things stand; raises StateError."""
        with self._errors():
            connection = self._connected()
            try:
                connection.execute("BEGIN")
                return _standing(connection, self._size())
            finally:
                connection.close()

    def _one(self, query: str, value: str) -> bytes | None:
        with self._errors():
            row = self._connection.execute(query, (value,)).fetchone()
        return row[0] if row else None

    def _rows(
        self, query: str, values: Sequence[Any], names: Sequence[str], times: Sequence[str]
    ) -> tuple[dict[str, Any], ...]:
        with self._errors():
            found = [dict(zip(names, row, strict=True)) for row in self._connection.execute(query, values)]
        for one in found:
            one |= {name: _time(one[name]) for name in times}
        return tuple(found)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"{self._path}: cannot be read: {words(error)}") from error

    def _connected(self) -> sqlite3.Connection:
        try:
            self._path.stat()
        except FileNotFoundError as error:
            text = f"{self._path}: there is no store yet; `gateproof run` makes it, or give --state-dir"
            raise StateError(text) from error
        except OSError as error:
            raise StateError(f"{self._path}: cannot be read: {error.strerror}") from error
        with self._errors():
            connection = connect(self._path, write=False)
            try:
                version = check_version(connection, self._path)
            except BaseException:
                connection.close()
                raise
        if version == 0:
            connection.close()
            raise StateError(f"{self._path}: is only being made; try again")
        return connection

    def _size(self) -> int:
        """Bytes on the disk, with the log that is not in the database yet."""
        size = 0
        for file in (self._path, self._path.with_name(f"{FILE}-wal")):
            with suppress(OSError):
                size += file.stat().st_size
        return size


def _version(connection: sqlite3.Connection) -> Version:
    meta = _meta(connection)
    return Version(str(meta.get("epoch", "")), int(meta.get("revision", 0)), int(meta.get("seq", 0)))


def _meta(connection: sqlite3.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT name, value FROM meta").fetchall())


def _time(at: float | None) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at is not None else None


def _standing(connection: sqlite3.Connection, size: int) -> Standing:
    meta = _meta(connection)
    documents = dict(connection.execute("SELECT name, body FROM documents").fetchall())
    checks = tuple(
        Check(
            name=name,
            attempted=datetime.fromtimestamp(attempted, UTC),
            succeeded=_time(succeeded),
            duration=duration,
            trouble=trouble,
            unknown=orjson.loads(unknown),
        )
        for name, attempted, succeeded, duration, trouble, unknown in connection.execute(
            "SELECT name, attempted, succeeded, duration, trouble, unknown FROM checks ORDER BY name"
        )
    )
    counted = connection.execute(
        "SELECT severity, status, source, pack, count(*) FROM findings"
        " GROUP BY severity, status, source, pack ORDER BY severity, status, source, pack"
    )
    return Standing(
        host=HOST.validate_json(documents["host"]) if "host" in documents else None,
        at=_time(meta.get("recorded")),
        kept=Kept(
            epoch=str(meta["epoch"]),
            seq=int(meta["seq"]),
            opened=int(meta.get("opened", 0)),
            resolved=int(meta.get("resolved", 0)),
            events=connection.execute("SELECT count(*) FROM events").fetchone()[0],
            size=size,
            errors=int(meta.get("errors", 0)),
        ),
        findings=tuple(
            Counted(severity=severity, status=status, source=source, pack=pack, number=number)
            for severity, status, source, pack, number in counted
        ),
        cells=cells(VERDICTS.validate_json(documents.get("verdicts", b"[]"))),
        checks=checks,
        readable={one.name.removeprefix(COLLECT): not one.trouble for one in checks if one.name.startswith(COLLECT)},
        packs=tuple(POLICY.validate_json(documents.get("policy", b"[]"))),
        suppressions=tuple(SUPPRESSIONS.validate_json(documents.get("suppressions", b"[]"))),
    )
