"""OpenTelemetry logs, as OTLP/JSON: one ExportLogsServiceRequest with a log record for each finding.

Source: opentelemetry-proto 1.x, ``logs/v1/logs.proto``, and the JSON encoding of the OTLP specification (64-bit
numbers are text).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.model.vocabulary import Severity
from agent.outputs.text.words import rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.report import Finding, Host, Report
    from agent.outputs import Screen

SERVICE: Final = "gateproof"
EVENT: Final = "gateproof.finding"
SEVERITIES: Final = {
    Severity.INFO: 9,
    Severity.LOW: 13,
    Severity.MEDIUM: 14,
    Severity.HIGH: 17,
    Severity.CRITICAL: 21,
}
"""INFO, WARN, WARN2, ERROR, FATAL."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def render(report: Report, _screen: Screen | None = None) -> bytes:
    """The findings in the report's own order, most severe first, as one line of JSON."""
    return b"".join(export(report.findings))


def export(findings: Iterable[Finding]) -> Iterator[bytes]:
    """One line of JSON, a record for each finding in the order given; neighbours of one host share its resource."""
    yield b'{"resourceLogs":['
    for index, (host, group) in enumerate(groupby(findings, key=lambda one: one.host)):
        yield b"," * bool(index) + _opening(host)
        for at, one in enumerate(group):
            yield b"," * bool(at) + orjson.dumps(_record(one))
        yield b"]}]}"
    yield b"]}\n"


def _opening(host: Host) -> bytes:
    """All of a host's part that stands before its records."""
    resource = {
        "attributes": _attributes(
            {
                "service.name": SERVICE,
                "service.version": host.agent_version,
                "host.id": host.id,
                "host.name": host.name,
                "os.description": host.os,
            }
        )
    }
    scope = {"name": SERVICE, "version": host.agent_version}
    return b'{"resource":%b,"scopeLogs":[{"scope":%b,"logRecords":[' % (orjson.dumps(resource), orjson.dumps(scope))


def _record(one: Finding) -> dict[str, Any]:
    at = _nanoseconds(one.resolved_at or one.last_seen)
    return {
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": SEVERITIES[one.severity],
        "severityText": one.severity,
        "eventName": EVENT,
        "body": {"stringValue": one.summary},
        "attributes": _attributes(_told(one)),
    }


def _told(one: Finding) -> dict[str, str | int | bool | list[str] | None]:
    held = one.suppression
    return {
        "gateproof.uid": one.uid,
        "gateproof.verdict": one.verdict,
        "gateproof.status": one.status,
        "gateproof.source": one.source,
        "gateproof.rule.id": one.rule.id,
        "gateproof.rule.title": one.rule.title,
        "gateproof.subject.kind": one.subject.kind,
        "gateproof.subject.name": one.subject.name,
        "gateproof.pack": one.pack,
        "gateproof.zone": one.zone,
        "gateproof.road": one.road,
        "gateproof.family": [f"ipv{family}" for family in one.family],
        "gateproof.port": one.port,
        "gateproof.blocked_at": [stage.value for stage in one.blocked_at],
        "gateproof.locus": [rule(source) for source in one.locus],
        "gateproof.remedy.text": one.remedy.text,
        "gateproof.remedy.commands": one.remedy.commands,
        "gateproof.remedy.tool": one.remedy.tool,
        "gateproof.remedy.proven": one.remedy.proven,
        "gateproof.first_seen": _time(one.first_seen),
        "gateproof.last_seen": _time(one.last_seen),
        "gateproof.last_changed": _time(one.last_changed),
        "gateproof.count": one.count,
        "gateproof.seq": one.seq,
        "gateproof.suppression.owner": held.owner if held else None,
        "gateproof.suppression.reason": held.reason if held else None,
        "gateproof.suppression.expires": _time(held.expires) if held else None,
        "gateproof.references": one.references,
    }


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Keys and values as OTLP has them; what is not known is left out."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value not in (None, "", [])]


def _value(value: str | int | bool | list[str]) -> dict[str, Any]:  # noqa: FBT001 - a value of an attribute, no switch
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case str():
            return {"stringValue": value}
    return {"arrayValue": {"values": [{"stringValue": item} for item in value]}}


def _nanoseconds(at: datetime) -> str:
    return str(max(0, (at - EPOCH) // timedelta(microseconds=1) * 1000))


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
