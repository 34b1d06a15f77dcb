"""ECS: the fields and the closed words of the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.outputs import exporter
from tests.outputs.made import EVERY, FOUND, GATES, finding, recorded

if TYPE_CHECKING:
    from agent.model.report import Finding

FIELDS = {
    "@timestamp": None,
    "message": None,
    "ecs": {"version"},
    "event": {
        *("id", "kind", "category", "type", "action", "outcome", "severity", "module", "dataset", "provider"),
        *("start", "end", "sequence"),
    },
    "rule": {"id", "name", "ruleset", "description", "reference"},
    "host": {"id", "name", "os"},
    "observer": {"vendor", "product", "name", "version"},
    "gateproof": None,
}
"""Fields of ECS 8.17 that are used, by their sets; ``gateproof`` is our own."""
TYPES = {
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
}
"""event.type that ECS expects with each event.category."""


def documents(found: list[Finding]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in exporter("ecs")(found)]


def check(made: dict[str, Any]) -> None:
    assert set(made) == set(FIELDS)
    for name, known in FIELDS.items():
        assert known is None or set(made[name]) <= known
    (category,) = made["event"]["category"]
    assert set(made["event"]["type"]) <= TYPES[category]
    assert made["event"]["kind"] in ("alert", "state")
    assert made["event"]["outcome"] in ("failure", "unknown")
    assert made["event"]["dataset"] == "gateproof.findings"
    assert made["ecs"]["version"].startswith("8.")


@pytest.mark.parametrize("gate", GATES)
def test_every_finding_of_a_recorded_gateway_is_a_document(gate: str) -> None:
    report = recorded(gate)
    for one, made in zip(report.findings, documents(report.findings), strict=True):
        check(made)
        assert (made["event"]["id"], made["rule"]["id"], made["host"]["id"]) == (one.uid, one.rule.id, report.host.id)


@settings(max_examples=40)
@given(st.lists(FOUND, max_size=3))
def test_every_finding_is_a_document(found: list[Finding]) -> None:
    for made in documents(found):
        check(made)


def test_each_severity_status_verdict_and_source() -> None:
    numbers = {"info": 0, "low": 21, "medium": 47, "high": 73, "critical": 99}
    for one, made in zip(EVERY, documents(EVERY), strict=True):
        check(made)
        told = made["event"]
        assert told["severity"] == numbers[one.severity]
        assert told["kind"] == ("state" if one.source == "config" else "alert")
        assert told["outcome"] == {"fail": "failure", "unknown": "unknown"}[one.verdict]
        assert told["action"] == f"finding-{one.status}"


def test_evidence_is_text_so_that_an_index_gets_no_fields_of_its_keys() -> None:
    (made,) = documents([finding(text="words", seq=4)])
    (proof,) = made["gateproof"]["evidence"]
    assert orjson.loads(proof)["data"] == {"what": "words", "value": ["words"]}
    assert made["event"]["sequence"] == 4
