"""OCSF, held against the models of py-ocsf-models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.outputs import exporter
from tests.outputs.made import EVERY, FOUND, GATES, NOW, finding, recorded

WITHOUT = "py-ocsf-models has the models"
ocsf = pytest.importorskip("py_ocsf_models", reason=WITHOUT)
PACKAGE = "py_ocsf_models.events.findings"
MODELS = {
    2003: pytest.importorskip(f"{PACKAGE}.compliance_finding", reason=WITHOUT).ComplianceFinding,
    2004: pytest.importorskip(f"{PACKAGE}.detection_finding", reason=WITHOUT).DetectionFinding,
}

if TYPE_CHECKING:
    from agent.model.report import Finding

UNMODELLED = {"compliance.status"}
"""Of OCSF 1.5 (the caption of compliance.status_id), and not of the models."""


def events(found: list[Finding]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in exporter("ocsf")(found)]


def event(one: Finding) -> dict[str, Any]:
    (made,) = events([one])
    return made


def check(made: dict[str, Any]) -> None:
    """Validate, and see that no key is one that the models do not know."""
    read = MODELS[made["class_uid"]].model_validate(made)
    known = set(keys(read.model_dump(mode="json", exclude_unset=True)))
    assert set(keys(made)) - known <= UNMODELLED
    assert made["type_uid"] == made["class_uid"] * 100 + made["activity_id"]
    assert made["metadata"]["version"] == ocsf.OCSF_VERSION


def keys(value: Any, path: str = "") -> list[str]:
    """The keys of a document by their paths, without those that are free."""
    if path in ("unmapped.", "evidences.data."):
        return []
    if isinstance(value, list):
        return [key for item in value for key in keys(item, path)]
    if not isinstance(value, dict):
        return []
    return [key for name, inner in value.items() for key in (path + name, *keys(inner, f"{path}{name}."))]


@pytest.mark.parametrize("gate", GATES)
def test_every_finding_of_a_recorded_gateway_is_an_event(gate: str) -> None:
    found = recorded(gate).findings
    for one, made in zip(found, events(found), strict=True):
        check(made)
        assert made["finding_info"]["uid"] == one.uid


@settings(max_examples=60)
@given(st.lists(FOUND, max_size=3))
def test_every_finding_is_an_event(found: list[Finding]) -> None:
    for made in events(found):
        check(made)


@pytest.mark.parametrize(("source", "uid"), [("config", 2003), ("observed", 2004), ("probe", 2004)])
def test_the_class_is_that_of_the_source(source: str, uid: int) -> None:
    made = event(finding(source=source))
    assert made["class_uid"] == uid
    assert ("compliance" in made) == (uid == 2003)


def test_severity_status_and_outcome_are_those_of_ocsf() -> None:
    for one, made in zip(EVERY, events(EVERY), strict=True):
        check(made)
        assert made["severity_id"] == 1 + one.severity.rank
        assert made["status_id"] == {"open": 1, "suppressed": 3, "resolved": 4}[one.status]
        assert made["status_code"] == one.verdict
        assert (made["activity_id"] == 3) == (one.status == "resolved")
        if one.source == "config":
            assert made["compliance"]["status_id"] == {"fail": 3, "unknown": 0}[one.verdict]


def test_a_new_finding_is_created_and_one_that_stays_updated() -> None:
    one = finding()
    assert event(one)["activity_name"] == "Update"
    assert event(replace(one, last_seen=one.first_seen))["activity_name"] == "Create"


def test_times_are_milliseconds_and_text() -> None:
    made = event(finding(status="resolved"))
    assert made["finding_info"]["first_seen_time"] == NOW.timestamp() * 1000
    assert made["finding_info"]["last_seen_time_dt"] == "2026-11-23T04:00:00Z"
    assert made["time_dt"] == "2026-11-23T05:00:00Z"


def test_what_to_do_and_who_decided_to_wait() -> None:
    made = event(finding(status="suppressed", text="words", seq=7))
    assert made["remediation"] == {"desc": "words\nwords\nwords", "references": ["words", "https://example.com/"]}
    assert made["comment"] == "words"
    assert made["unmapped"]["suppression"]["owner"] == "words"
    assert made["metadata"]["sequence"] == 7
    assert [one["type"] for one in made["resources"]] == ["host", "domain"]
