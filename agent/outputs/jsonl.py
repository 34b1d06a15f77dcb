"""JSON Lines: one finding a line (schema ``gateproof.finding/1``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from agent.model.report import Report
    from agent.outputs import Screen


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The findings in the report's own order, most severe first."""
    return b"".join(orjson.dumps(one, option=orjson.OPT_UTC_Z) + b"\n" for one in report.findings)
