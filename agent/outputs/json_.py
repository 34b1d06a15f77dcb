"""JSON: one object, the whole report (schema ``gateproof.report/1``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.model.explanation import Explanation
    from agent.model.report import Report
    from agent.outputs import Screen


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The report as one line of JSON, UTF-8, in the report's own order."""
    return orjson.dumps(report, option=orjson.OPT_UTC_Z) + b"\n"


def explain(roads: Sequence[Explanation], _screen: Screen | None = None) -> bytes:
    """The roads of one domain, one object for each zone, as one line of JSON."""
    return orjson.dumps(tuple(roads)) + b"\n"
