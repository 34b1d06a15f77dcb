"""JSON Lines: one finding a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from agent.model.report import Report


def render(report: Report) -> bytes:
    """The findings, most severe first."""
    return b"".join(orjson.dumps(one.model_dump(mode="json", by_alias=True)) + b"\n" for one in report.findings)
