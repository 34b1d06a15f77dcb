"""JSON: one object, the whole report (schema ``gateproof.report/1``), or findings (``gateproof.findings/1``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.explanation import Explanation
    from agent.model.report import Finding, Report
    from agent.outputs import Screen

FINDINGS: Final = "gateproof.findings/1"


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The report as one line of JSON, UTF-8, in the report's own order."""
    return orjson.dumps(report, option=orjson.OPT_UTC_Z) + b"\n"


def explain(roads: Sequence[Explanation], _screen: Screen | None = None) -> bytes:
    """The roads of one domain, one object for each zone, as one line of JSON."""
    return orjson.dumps(tuple(roads)) + b"\n"


def export(findings: Iterable[Finding]) -> Iterator[bytes]:
    """Findings as one line of JSON: ``{"schema": "gateproof.findings/1", "findings": [...]}``."""
    yield b'{"schema":"%b","findings":[' % FINDINGS.encode()
    for index, one in enumerate(findings):
        yield b"," * bool(index) + orjson.dumps(one, option=orjson.OPT_UTC_Z)
    yield b"]}\n"
