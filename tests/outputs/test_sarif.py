"""SARIF, held against the schema of OASIS."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.report import Finding, GapOut, SourceOut
from agent.outputs import exporter, renderer
from tests.outputs.made import EVERY, FOUND, GATES, finding, recorded

if TYPE_CHECKING:
    from tests.outputs.conftest import Scene

SCHEMA = orjson.loads(Path(__file__).with_name("sarif-schema-2.1.0.json").read_bytes())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def checked(data: bytes) -> dict[str, Any]:
    """The one run of a log that follows the schema; what the schema cannot say is checked here."""
    log = orjson.loads(data)
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for one in run["results"]:
        assert rules[one["ruleIndex"]] == one["ruleId"]
        assert one["kind"] in ("fail", "open")
        assert (one["level"] == "none") == (one["kind"] != "fail")
        for place in one["locations"]:
            assert place.get("physicalLocation") or place["logicalLocations"]
    assert {rule for rule in rules if rule not in {one["ruleId"] for one in run["results"]}} == set()
    return dict(run)


def run(*found: Finding) -> dict[str, Any]:
    return checked(b"".join(exporter("sarif")(found)))


@pytest.mark.parametrize("gate", GATES)
def test_every_finding_of_a_recorded_gateway_is_a_result(gate: str) -> None:
    report = recorded(gate)
    made = checked(renderer("sarif")(report, None))
    assert [one["partialFingerprints"]["gateproof/v1"] for one in made["results"]] == [
        one.uid for one in report.findings
    ]
    manuals = {one.rule.id: one.rule.manual for one in report.findings}
    assert {one["id"]: one["help"]["text"] for one in made["tool"]["driver"]["rules"]} == manuals


@settings(max_examples=40)
@given(st.lists(FOUND, max_size=4))
def test_every_finding_is_a_result(found: list[Finding]) -> None:
    assert len(run(*found)["results"]) == len(found)


def test_each_severity_status_verdict_and_source() -> None:
    levels = {"info": "note", "low": "note", "medium": "warning", "high": "error", "critical": "error"}
    for one, made in zip(EVERY, run(*EVERY)["results"], strict=True):
        assert made["level"] == (levels[one.severity] if one.verdict == "fail" else "none")
        assert made["kind"] == {"fail": "fail", "unknown": "open"}[one.verdict]
        assert bool(made["suppressions"]) == (one.status == "suppressed")


def test_the_line_of_a_file_and_the_handle_of_a_rule() -> None:
    first, second = run(finding(text="chain"))["results"][0]["locations"]
    assert first["physicalLocation"] == {
        "artifactLocation": {"uri": "file:///etc/some%20file"},
        "region": {"startLine": 3, "snippet": {"text": "chain"}},
    }
    assert second["logicalLocations"] == [
        {"name": "chain", "fullyQualifiedName": "inet filter chain handle 7", "kind": "rule"}
    ]


def test_a_file_without_a_line_and_no_place_at_all() -> None:
    one = replace(finding(text="a.example"), locus=[SourceOut(artifact="files/etc/hosts", text="")])
    assert run(one)["results"][0]["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "file:///etc/hosts"}}}
    ]
    (place,) = run(replace(one, locus=[]))["results"][0]["locations"][0]["logicalLocations"]
    assert place == {"name": "a.example", "fullyQualifiedName": "a.example/a.example/a.example", "kind": "domain"}


def test_a_suppression_has_its_reason() -> None:
    (held,) = run(finding(status="suppressed", text="words"))["results"][0]["suppressions"]
    assert (held["kind"], held["status"], held["justification"]) == ("external", "accepted", "words")
    one = replace(finding(status="suppressed"), suppression=None)
    assert run(one)["results"][0]["suppressions"] == [{"kind": "external"}]


@pytest.mark.parametrize(
    ("status", "seq", "seen", "changed", "state"),
    [
        ("open", None, 0, 0, None),
        ("open", 1, 0, 0, "new"),
        ("open", 1, 2, 0, "unchanged"),
        ("open", 1, 2, 2, "updated"),
        ("suppressed", 1, 2, 1, "unchanged"),
        ("resolved", 1, 2, 2, "absent"),
    ],
)
def test_the_state_against_the_audit_before(
    status: str, seq: int | None, seen: int, changed: int, state: str | None
) -> None:
    one = finding(status=status, seq=seq)
    begin = one.first_seen
    one = replace(one, last_seen=begin + timedelta(hours=seen), last_changed=begin + timedelta(hours=changed))
    assert run(one)["results"][0].get("baselineState") == state


def test_what_could_not_be_read_is_told(scene: Scene) -> None:
    source = SourceOut(artifact="files/etc/squid/squid.conf", line=9, text="acl")
    scene.gaps += [GapOut(subject="squid", reason="what is that", source=source)]
    scene.gaps += [GapOut(subject="nftables", reason="denied", remedy="run as root")]
    (told,) = checked(renderer("sarif")(scene.report(), None))["invocations"]
    first, second = told["toolExecutionNotifications"]
    assert first["locations"][0]["physicalLocation"]["region"]["startLine"] == 9
    assert second["message"]["text"] == "nftables: denied (run as root)"
