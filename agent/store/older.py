"""Findings that files tell: those of a gateproof without a database, or of a database that was lost.

``findings.json`` is the state as it was last written, ``findings.jsonl`` the events, of which some may be newer.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from agent.errors import StateError
from agent.model.record import record
from agent.model.report import Finding
from agent.store.files import EVENTS, STATE, STATE_SCHEMA, event_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FINDINGS: Final = TypeAdapter(Finding)


@record
class Older:
    """All findings by uid, and the number of the last event."""

    findings: tuple[Finding, ...]
    seq: int


def read(folder: Path) -> Older:
    """What the files of a folder tell; raises StateError.

    A damaged state is moved aside and made again from the events; a torn last line is cut off.
    """
    findings, seq = _state(folder / STATE)
    for file in event_files(folder):
        for line in _lines(file):
            if line["seq"] > seq:
                try:
                    finding = FINDINGS.validate_python(line["finding"])
                except ValidationError:
                    continue
                findings[finding.uid], seq = finding, line["seq"]
    return Older(tuple(one for _, one in sorted(findings.items())), seq)


def _state(file: Path) -> tuple[dict[str, Finding], int]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return {}, 0
    except OSError as error:
        raise StateError(f"{file}: cannot be read: {error.strerror}") from error
    try:
        document = orjson.loads(data)
        schema = document["schema"]
        if schema == STATE_SCHEMA:
            findings = [FINDINGS.validate_python(one) for one in document["findings"]]
            return {one.uid: one for one in findings}, int(document["seq"])
    except (orjson.JSONDecodeError, ValidationError, KeyError, TypeError, ValueError):
        aside = file.with_suffix(".json.broken")
        file.replace(aside)
        sys.stderr.write(f"gateproof: {file} is damaged; moved to {aside.name}, rebuilt from the events\n")
        return {}, 0
    raise StateError(f"{file}: written by another version ({schema}); use that, or another --state-dir")


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateError(f"{file}: cannot be read: {error.strerror}") from error
    whole = 0
    for raw in data.splitlines(keepends=True):
        try:
            line = orjson.loads(raw)
            valid = raw.endswith(b"\n") and isinstance(line["seq"], int) and isinstance(line["finding"], dict)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            valid = False
        if not valid:
            break
        yield line
        whole += len(raw)
    if whole < len(data) and file.name == EVENTS:
        os.truncate(file, whole)
        sys.stderr.write(f"gateproof: {file}: cut off {len(data) - whole} bytes that were no whole event\n")
