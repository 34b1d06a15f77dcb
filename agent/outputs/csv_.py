"""CSV (RFC 4180): one finding a record, for spreadsheets; lists are joined, and no cell is taken for a formula."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from agent.outputs.text.layout import clean
from agent.outputs.text.words import rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from agent.model.report import Finding, Report
    from agent.outputs import Screen

COLUMNS: Final = (
    "uid",
    "severity",
    "verdict",
    "status",
    "rule",
    "title",
    "subject_kind",
    "subject",
    "pack",
    "zone",
    "road",
    "family",
    "port",
    "blocked_at",
    "summary",
    "locus",
    "remedy",
    "commands",
    "first_seen",
    "last_seen",
    "last_changed",
    "resolved_at",
    "count",
    "source",
    "host_id",
    "host",
    "suppressed_by",
    "suppression_reason",
    "suppression_expires",
    "references",
)
FORMULA: Final = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
"""What spreadsheets take for the beginning of a formula; Excel takes the wide forms as well."""
BREAKS: Final = frozenset("\t\r\n")


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The findings in the report's own order, most severe first, UTF-8, below a header."""
    return b"".join(export(report.findings))


def export(findings: Iterable[Finding]) -> Iterator[bytes]:
    """The header, then a record for each finding, in the order given."""
    yield _record(COLUMNS)
    for one in findings:
        yield _record(map(_cell, _values(one)))


def _values(one: Finding) -> tuple[str, ...]:
    """What stands below COLUMNS."""
    held = one.suppression
    return (
        one.uid,
        one.severity,
        one.verdict,
        one.status,
        one.rule.id,
        one.rule.title,
        one.subject.kind,
        one.subject.name,
        one.pack or "",
        one.zone or "",
        " ".join(one.road),
        " ".join(map(str, one.family)),
        " ".join(one.port),
        " ".join(one.blocked_at),
        one.summary,
        "; ".join(map(rule, one.locus)),
        one.remedy.text,
        "; ".join(one.remedy.commands),
        _time(one.first_seen),
        _time(one.last_seen),
        _time(one.last_changed),
        _time(one.resolved_at),
        str(one.count),
        one.source,
        one.host.id,
        one.host.name,
        held.owner if held else "",
        held.reason if held else "",
        _time(held.expires) if held else "",
        "; ".join(one.references),
    )


def _cell(text: str) -> str:
    """Text that stays text: an apostrophe before what a spreadsheet would calculate.

    RFC 4180 has no control characters inside a cell but line ends, and programs disagree about those.
    """
    formula = text[:1] in BREAKS or text.lstrip()[:1] in FORMULA
    return f"'{clean(text)}" if formula else clean(text)


def _record(cells: Iterable[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode(errors="replace")


def _time(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else ""
