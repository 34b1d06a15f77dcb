"""JSON Lines: one finding a line (schema ``gateproof.finding/1``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.report import Finding, Report
    from agent.outputs import Screen


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The findings in the report's own order, most severe first."""
    return b"".join(export(report.findings))


def export(findings: Iterable[Finding]) -> Iterator[bytes]:
    """One line for each finding, in the order given."""
    for one in findings:
        yield orjson.dumps(one, option=orjson.OPT_UTC_Z) + b"\n"
