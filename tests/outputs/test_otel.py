"""OTLP/JSON, read by protobuf with OpenTelemetry's own messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.report import Finding, Host
from agent.outputs import exporter
from tests.outputs.made import EVERY, FOUND, GATES, NOW, finding, recorded

json_format = pytest.importorskip("google.protobuf.json_format", reason="protobuf reads what is written here")
logs = pytest.importorskip(
    "opentelemetry.proto.collector.logs.v1.logs_service_pb2", reason="opentelemetry-proto has the messages"
)


def read(found: list[Finding]) -> Any:
    """The request; an unknown field or a wrong type raises."""
    return json_format.Parse(b"".join(exporter("otel")(found)), logs.ExportLogsServiceRequest())


def records(found: list[Finding]) -> list[Any]:
    return [one for host in read(found).resource_logs for scope in host.scope_logs for one in scope.log_records]


def attributes(one: Any) -> dict[str, Any]:
    return {each.key: each.value for each in one.attributes}


@pytest.mark.parametrize("gate", GATES)
def test_a_recorded_gateway_is_one_resource(gate: str) -> None:
    report = recorded(gate)
    (host,) = read(report.findings).resource_logs
    about = attributes(host.resource)
    assert about["host.id"].string_value == report.host.id
    assert about["host.name"].string_value == report.host.name
    assert about["service.name"].string_value == "gateproof"
    told = [attributes(one)["gateproof.uid"].string_value for one in host.scope_logs[0].log_records]
    assert told == [one.uid for one in report.findings]


@settings(max_examples=40)
@given(st.lists(FOUND, max_size=4))
def test_every_finding_is_a_record(found: list[Finding]) -> None:
    for one, made in zip(found, records(found), strict=True):
        assert made.body.string_value == one.summary
        assert made.severity_text == one.severity
        at = one.resolved_at or one.last_seen
        assert made.time_unix_nano // 1000 == round((at - NOW).total_seconds() * 10**6) + int(NOW.timestamp()) * 10**6


def test_each_severity_status_verdict_and_source() -> None:
    numbers = {"info": 9, "low": 13, "medium": 14, "high": 17, "critical": 21}
    for one, made in zip(EVERY, records(EVERY), strict=True):
        assert made.severity_number == numbers[one.severity]
        about = attributes(made)
        assert about["gateproof.verdict"].string_value == one.verdict
        assert about["gateproof.status"].string_value == one.status
        assert about["gateproof.source"].string_value == one.source
        assert ("gateproof.suppression.owner" in about) == (one.status == "suppressed")
        assert about["gateproof.count"].int_value == 3
        assert about["gateproof.remedy.proven"].bool_value
        assert [one.string_value for one in about["gateproof.family"].array_value.values] == ["ipv4", "ipv6"]


def test_neighbours_of_one_host_share_its_resource() -> None:
    other = replace(finding(), host=Host(id="other", name="other", os="", agent_version=""))
    found = [finding(), finding(), other]
    assert [len(one.scope_logs[0].log_records) for one in read(found).resource_logs] == [2, 1]


def test_64_bit_numbers_are_text() -> None:
    (host,) = orjson.loads(b"".join(exporter("otel")([finding(seq=5)])))["resourceLogs"]
    (made,) = host["scopeLogs"][0]["logRecords"]
    assert made["timeUnixNano"] == f"{int(NOW.timestamp()) + 3600}000000000"
    assert {"key": "gateproof.seq", "value": {"intValue": "5"}} in made["attributes"]
