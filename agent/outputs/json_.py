"""One JSON object: the whole report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from agent.model.report import Report


def render(report: Report) -> bytes:
    """The report as indented JSON, UTF-8."""
    return orjson.dumps(report.model_dump(mode="json", by_alias=True), option=orjson.OPT_INDENT_2) + b"\n"
