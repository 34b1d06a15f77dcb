"""The state on disk: ``findings.json``, replaced as a whole, and ``findings.jsonl``, which only grows.

Events are written first. A crash between the two leaves events that the state does not know: they are
folded in when the store opens, so that ``seq`` never runs backwards and no event is told twice.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import orjson
from pydantic import TypeAdapter, ValidationError

from agent.errors import StateError
from agent.model.report import Finding
from agent.store.lifecycle import Event, State, fold

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from agent.model.report import Host, Report

SCHEMA: Final = "gateproof.state/1"
ROTATE_AT: Final = 8 << 20
"""Bytes of findings.jsonl after which a new one begins."""
KEEP: Final = 4
"""Older event files that stay: findings.jsonl.1 is the youngest."""
MODE: Final = 0o640
FINDINGS: Final = TypeAdapter(Finding)


class Store:
    """The findings of one host; one process at a time may hold it."""

    def __init__(self, folder: Path) -> None:
        """Open a state folder, making it if need be; raises StateError with one line."""
        self._folder = folder
        self._state_file = folder / "findings.json"
        self._events_file = folder / "findings.jsonl"
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
            self.state = self._recovered(self._read_state())
        except StateError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have the folder."""
        with suppress(OSError):
            os.close(self._lock)

    def record(self, report: Report, now: datetime) -> tuple[Event, ...]:
        """Fold a report in and write what changed; raises StateError.

        Then either no event was written, or all of them: those count, and the next report brings the state after.
        """
        state, events = fold(self.state, report, now)
        try:
            if events:
                self._rotate()
                self._append(b"".join(_event(event) for event in events))
                self.state = state
            self._write_state(state, report.host)
        except OSError as error:
            raise StateError(f"{error.filename or self._folder}: cannot be written: {error.strerror}") from error
        self.state = state
        return events

    def _read_state(self) -> State:
        try:
            data = self._state_file.read_bytes()
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise StateError(f"{self._state_file}: cannot be read: {error.strerror}") from error
        try:
            document = orjson.loads(data)
            schema = document["schema"]
            if schema == SCHEMA:
                findings = [_finding(one) for one in document["findings"]]
                return State({one.uid: one for one in findings}, int(document["seq"]))
        except (orjson.JSONDecodeError, ValidationError, KeyError, TypeError, ValueError):
            aside = self._state_file.with_suffix(".json.broken")
            self._state_file.replace(aside)
            sys.stderr.write(
                f"gateproof: {self._state_file} is damaged; moved to {aside.name}, rebuilt from the events\n"
            )
            return State()
        raise StateError(f"{self._state_file}: written by another version ({schema}); use that, or another --state-dir")

    def _recovered(self, state: State) -> State:
        """Fold in the events that a crash left out of the state; cut a torn last line off."""
        findings, seq = dict(state.findings), state.seq
        files = [self._events_file.with_suffix(f".jsonl.{number}") for number in range(KEEP, 0, -1)]
        for file in (*files, self._events_file):
            for line in self._lines(file):
                if line["seq"] > seq:
                    finding = _finding(line["finding"])
                    findings[finding.uid], seq = finding, line["seq"]
        return State(dict(sorted(findings.items())), seq)

    def _lines(self, file: Path) -> list[dict[str, Any]]:
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateError(f"{file}: cannot be read: {error.strerror}") from error
        found = []
        whole = 0
        for raw in data.splitlines(keepends=True):
            try:
                line = orjson.loads(raw)
                valid = raw.endswith(b"\n") and isinstance(line["seq"], int) and isinstance(line["finding"], dict)
            except (orjson.JSONDecodeError, KeyError, TypeError):
                valid = False
            if not valid:
                break
            found.append(line)
            whole += len(raw)
        if whole < len(data):
            os.truncate(file, whole)
            sys.stderr.write(f"gateproof: {file}: cut off {len(data) - whole} bytes that were no whole event\n")
        return found

    def _rotate(self) -> None:
        try:
            if self._events_file.stat().st_size < ROTATE_AT:
                return
        except FileNotFoundError:
            return
        for number in range(KEEP - 1, 0, -1):
            older = self._events_file.with_suffix(f".jsonl.{number}")
            if older.exists():
                older.replace(self._events_file.with_suffix(f".jsonl.{number + 1}"))
        self._events_file.replace(self._events_file.with_suffix(".jsonl.1"))

    def _append(self, data: bytes) -> None:
        handle = os.open(self._events_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
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

    def _write_state(self, state: State, host: Host) -> None:
        document = {
            "schema": SCHEMA,
            "host": host,
            "seq": state.seq,
            "findings": list(state.findings.values()),
        }
        new = self._folder / ".findings.json.new"
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n")
            file.flush()
            os.fsync(handle)
        new.replace(self._state_file)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _finding(document: Any) -> Finding:
    """A finding that was written before; raises ValidationError."""
    return FINDINGS.validate_python(document)


def _event(event: Event) -> bytes:
    body = {
        "event": event.event,
        "at": event.at,
        "seq": event.seq,
        "finding": event.finding,
    }
    return orjson.dumps(body, option=orjson.OPT_UTC_Z) + b"\n"
