"""What the database tells, as files that anybody can follow.

``findings.json`` is replaced as a whole, ``findings.jsonl`` only grows, an event a line; both have the mode 0640.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

STATE: Final = "findings.json"
EVENTS: Final = "findings.jsonl"
STATE_SCHEMA: Final = "gateproof.state/1"
MODE: Final = 0o640
ROTATE_AT: Final = 8 << 20
"""Bytes of findings.jsonl after which a new one begins."""
KEEP: Final = 4
"""Older event files that stay: findings.jsonl.1 is the youngest."""
TAIL: Final = 1 << 20
"""Bytes at the end of a file in which its last line is looked for; a finding is far smaller."""


def event_files(folder: Path) -> tuple[Path, ...]:
    """The files with events, oldest first, whether they are there or not."""
    newest = folder / EVENTS
    return (*(newest.with_suffix(f".jsonl.{number}") for number in range(KEEP, 0, -1)), newest)


def last_written(folder: Path) -> int:
    """The number of the last event that was written whole; 0 where there is none. A torn line is cut off.

    Raises OSError.
    """
    for file in reversed(event_files(folder)):
        try:
            with file.open("r+b") as handle:
                size = handle.seek(0, os.SEEK_END)
                handle.seek(max(0, size - TAIL))
                tail = handle.read()
                whole = tail.rfind(b"\n") + 1
                if whole < len(tail):
                    handle.truncate(size - len(tail) + whole)
        except FileNotFoundError:
            continue
        line = tail[:whole].rstrip(b"\n").rpartition(b"\n")[2]
        if line:
            try:
                return int(orjson.loads(line)["seq"])
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                continue
    return 0


def append(folder: Path, lines: Sequence[bytes]) -> None:
    """Write events after those that are there; either all of them, or none. Raises OSError."""
    if not lines:
        return
    file = folder / EVENTS
    _rotate(file)
    data = b"".join(lines)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
    before = os.fstat(handle).st_size
    try:
        written = 0
        while written < len(data):
            written += os.write(handle, data[written:])
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, before)  # a full disk: no half event stays
        raise
    finally:
        os.close(handle)


def _rotate(file: Path) -> None:
    try:
        if file.stat().st_size < ROTATE_AT:
            return
    except FileNotFoundError:
        return
    for number in range(KEEP - 1, 0, -1):
        older = file.with_suffix(f".jsonl.{number}")
        if older.exists():
            older.replace(file.with_suffix(f".jsonl.{number + 1}"))
    file.replace(file.with_suffix(".jsonl.1"))


def write_state(folder: Path, host: bytes, seq: int, findings: Iterable[bytes]) -> None:
    """Replace findings.json, a finding a line; raises OSError."""
    new = folder / f".{STATE}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(b'{"schema":"%s","host":%s,"seq":%d,"findings":[' % (STATE_SCHEMA.encode(), host, seq))
        separator = b"\n"
        for body in findings:
            file.write(separator)
            file.write(body)
            separator = b",\n"
        file.write(b"\n]}\n")
        file.flush()
        os.fsync(handle)
    new.replace(folder / STATE)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
