"""What all formats have in common that give findings without a report."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.outputs import exporter, formats, renderer
from agent.serve.schemas import schema
from tests.outputs.made import EVERY, FOUND, GATES, ODD, finding, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.report import Finding

FORMATS = ("csv", "ecs", "json", "jsonl", "ocsf", "otel", "sarif")
PASSES = frozenset({"pass", "passed", "success", "ok", "compliant", "allowed", "notApplicable"})
"""Words by which other schemas say that all is well."""


def words(value: Any) -> Iterator[str]:
    """Every text in a document that is a value, not a key."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from words(inner)


def documents(name: str, found: list[Finding]) -> list[Any]:
    """What a format made of findings, read back."""
    data = b"".join(exporter(name)(found))
    if name == "csv":
        return list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    return [orjson.loads(line) for line in data.splitlines()] if name in LINES else [orjson.loads(data)]


LINES = ("ecs", "jsonl", "ocsf")


def test_the_formats_that_give_findings_are_found_by_looking() -> None:
    assert set(FORMATS) <= set(formats())
    for name in ("text", "html", "xml", "json_"):
        with pytest.raises(UsageError, match=f"no format '{name}' for this; there are: {', '.join(FORMATS)}$"):
            exporter(name)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_found_is_a_document_as_well(name: str) -> None:
    made = b"".join(exporter(name)([]))
    assert made == b"" if name in LINES else made.endswith(b"\n")
    expected = {"json": 1, "otel": 1, "sarif": 1}.get(name, 0)
    assert len(documents(name, [])) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_findings_are_asked_for_one_by_one(name: str) -> None:
    taken = []

    def found() -> Iterator[Finding]:
        for at in range(50):
            taken.append(at)
            yield finding(seq=at + 1)

    chunks = exporter(name)(found())
    for _ in range(8):
        next(chunks)
    assert 3 <= len(taken) <= 9


@pytest.mark.parametrize("name", ["csv", *LINES])
def test_a_format_of_lines_gives_a_chunk_for_each_finding(name: str) -> None:
    chunks = list(exporter(name)([finding(text=ODD), finding(text="other")]))
    assert len(chunks) == 2 + (name == "csv")
    assert all(chunk.endswith(b"\n") and chunk.count(b"\n") == 1 for chunk in chunks)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("name", [one for one in FORMATS if one not in ("json", "sarif")])
def test_a_report_is_its_findings_in_its_order(name: str, gate: str) -> None:
    report = recorded(gate)
    assert renderer(name)(report, None) == b"".join(exporter(name)(report.findings))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=20)
@given(st.lists(FOUND, max_size=4))
def test_any_finding_can_be_told_and_the_same_way_again(name: str, found: list[Finding]) -> None:
    made = b"".join(exporter(name)(found))
    assert made == b"".join(exporter(name)(iter(found)))
    uids = [one.uid for one in found]
    text = made.decode()
    assert [uid for uid in uids if uid not in text] == []
    documents(name, found)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("status", ["open", "suppressed", "resolved"])
def test_nothing_says_pass(name: str, status: str) -> None:
    found = [one for one in EVERY if one.status == status]
    assert not PASSES & {word.lower() for one in documents(name, found) for word in words(one)}


@pytest.mark.parametrize("name", FORMATS)
def test_a_failure_and_an_unknown_verdict_are_told_apart(name: str) -> None:
    assert documents(name, [finding(verdict="fail")]) != documents(name, [finding(verdict="unknown")])


@settings(max_examples=20)
@given(st.lists(FOUND, max_size=3))
def test_json_lists_findings_that_follow_their_schema(found: list[Finding]) -> None:
    (document,) = documents("json", found)
    assert list(document) == ["schema", "findings"]
    assert document["schema"] == "gateproof.findings/1"
    validator = jsonschema.Draft202012Validator(schema("finding"))
    for one in document["findings"]:
        validator.validate(one)
    assert document["findings"] == documents("jsonl", found)
