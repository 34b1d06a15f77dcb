"""What the database tells, as files that anybody can follow.

``findings.json`` is replaced as a whole, ``findings.jsonl`` only grows, an event a line; both have the mode 0640.
"""

from __future__ import annotations

import os
import re
import sys
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
CHUNK: Final = 500
"""Findings, or events, that are written at once."""
TAIL: Final = 1 << 20
"""Bytes at the end of a file in which its last line is looked for first; a finding is far smaller."""
HEAD: Final = re.compile(rb'"seq": ?(\d{1,19}),\s*"findings": ?\[')
HEAD_SIZE: Final = 4_096
"""Bytes in which findings.json names host and number."""
LARGEST_SEQ: Final = 1 << 53
"""What is higher no gateproof has written: JSON's numbers are exact so far."""


def event_files(folder: Path) -> tuple[Path, ...]:
    """The files with events, oldest first, whether they are there or not."""
    newest = folder / EVENTS
    return (*(newest.with_suffix(f".jsonl.{number}") for number in range(KEEP, 0, -1)), newest)


def last_told(folder: Path) -> int:
    """The highest number that the files tell; 0 where they tell none. A torn line is cut off. Raises OSError."""
    try:
        with (folder / STATE).open("rb") as file:
            found = HEAD.search(file.read(HEAD_SIZE))
    except FileNotFoundError:
        found = None
    return max(last_written(folder), number if found and (number := int(found[1])) <= LARGEST_SEQ else 0)


def last_written(folder: Path) -> int:
    """The number of the last event that was written whole; 0 where there is none. A torn line is cut off.

    Raises OSError.
    """
    for file in reversed(event_files(folder)):
        try:
            with file.open("rb") as handle:
                size = handle.seek(0, os.SEEK_END)
                handle.seek(max(0, size - TAIL))
                tail = handle.read()
        except FileNotFoundError:
            continue
        seq = seq_of(tail[:-1].rpartition(b"\n")[2]) if tail.endswith(b"\n") else 0
        if seq or (seq := _mended(file)):
            return seq
    return 0


def seq_of(line: bytes) -> int:
    """The number of an event from its line; 0 where that is no event."""
    try:
        number = orjson.loads(line)["seq"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return 0
    return number if isinstance(number, int) and 0 < number <= LARGEST_SEQ else 0


def _mended(file: Path) -> int:
    """The number of the last whole event of a file, after which nothing stays; 0 where there is none."""
    data = file.read_bytes()
    end, seq = len(data), 0
    while end:
        end = data.rfind(b"\n", 0, end) + 1
        begin = data.rfind(b"\n", 0, max(0, end - 1)) + 1
        if seq := seq_of(data[begin:end]):
            break
        end = begin
    if end < len(data):
        os.truncate(file, end)
        sys.stderr.write(f"gateproof: {file}: cut off {len(data) - end} bytes that were no whole event\n")
    return seq


def append(folder: Path, lines: Sequence[bytes]) -> None:
    """Write events after those that are there; either all of them, or none. Raises OSError."""
    if not lines:
        return
    file = folder / EVENTS
    _rotate(file)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
    before = os.fstat(handle).st_size
    try:
        for begin in range(0, len(lines), CHUNK):
            data = memoryview(b"".join(lines[begin : begin + CHUNK]))
            while data:
                data = data[os.write(handle, data) :]
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


def write_state(folder: Path, host: bytes, seq: int, findings: Iterable[Sequence[bytes]]) -> None:
    """Replace findings.json, a finding a line; raises OSError."""
    new = folder / f".{STATE}.new"
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b'{"schema":"%s","host":%s,"seq":%d,"findings":[' % (STATE_SCHEMA.encode(), host, seq))
            separator = b"\n"
            for some in findings:
                file.write(separator + b",\n".join(some))
                separator = b",\n"
            file.write(b"\n]}\n")
            file.flush()
            os.fsync(handle)
    except BaseException:
        new.unlink(missing_ok=True)  # a full disk: half a file takes room from the others
        raise
    new.replace(folder / STATE)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
