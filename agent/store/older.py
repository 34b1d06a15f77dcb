"""Findings that files tell: those of a gateproof without a database, or of a database that was lost.

``findings.json`` is the state as it was last written, ``findings.jsonl`` the events, of which some may be newer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from agent.errors import StateError
from agent.model.record import record
from agent.model.report import Finding
from agent.store.files import LARGEST_SEQ, STATE, STATE_SCHEMA, event_files, seq_of

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
    """What the files of a folder tell; raises StateError or OSError.

    What is damaged is left out and that is said; a damaged state is kept aside.
    """
    findings, seq = _state(folder / STATE)
    for file in event_files(folder):
        damaged = 0
        for number, line in _lines(file):
            if number > seq and (finding := _finding(line.get("finding"))) is not None:
                findings[finding.uid], seq = finding, number
            damaged += number == 0
        if damaged:
            sys.stderr.write(f"gateproof: {file}: left out {damaged} lines that were no event\n")
    return Older(tuple(one for _, one in sorted(findings.items())), seq)


def _state(file: Path) -> tuple[dict[str, Finding], int]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return {}, 0
    try:
        document = orjson.loads(data)
        schema, seq, told = document["schema"], document.get("seq"), document.get("findings")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return _aside(file, "is damaged"), 0
    if schema != STATE_SCHEMA:
        raise StateError(f"{file}: written by another version ({schema}); use that, or another --state-dir")
    if not isinstance(told, list) or not isinstance(seq, int) or not 0 <= seq <= LARGEST_SEQ:
        return _aside(file, "is damaged"), 0
    findings = [one for one in map(_finding, told) if one is not None]
    if len(findings) < len(told):
        _aside(file, f"has {len(told) - len(findings)} findings that are damaged")
    return {one.uid: one for one in findings}, seq


def _aside(file: Path, trouble: str) -> dict[str, Finding]:
    """Keep a file for a person to look at, and say so; nothing is known from it."""
    aside = file.with_suffix(".json.broken")
    file.replace(aside)
    sys.stderr.write(f"gateproof: {file} {trouble}; moved to {aside.name}, made again from the rest and the events\n")
    return {}


def _finding(told: Any) -> Finding | None:
    try:
        return FINDINGS.validate_python(told)
    except ValidationError:
        return None


def _lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The events of a file with their numbers; 0 is that of a damaged one."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return
    for raw in data.split(b"\n"):
        if raw:
            number = seq_of(raw)
            yield number, orjson.loads(raw) if number else {}
