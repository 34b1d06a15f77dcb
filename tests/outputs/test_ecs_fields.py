"""ECS held against Elastic's own lists of fields, of a version before the one that is told and of one after it.

What both lists have alike, the version between them has. GATEPROOF_ECS names the folder with the lists: see packaging/test.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.outputs import exporter
from tests.outputs.made import EVERY, FOUND, GATES, finding, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.report import Finding

BESIDE = Path(os.environ.get("GATEPROOF_ECS", "/nonexistent"))
LISTS = {path.stem: path for path in sorted(BESIDE.glob("*.json"))}
pytestmark = pytest.mark.skipif(not LISTS, reason="needs Elastic's lists of fields: GATEPROOF_ECS=FOLDER")
KINDS: dict[str, type] = {"keyword": str, "match_only_text": str, "long": int}
"""What JSON has for the types of fields that are used; a date is looked at by itself."""
OURS = "gateproof."


@dataclass(frozen=True)
class Schema:
    """One version's fields."""

    version: str
    fields: dict[str, dict[str, Any]]

    def wrong(self, made: dict[str, Any], *, searched: bool = False) -> list[str]:
        """Say what of a document this version does not know; also what no index would find, if it is to be searched."""
        found = [told for name, value in flat(made) for told in self._wrong(name, value, searched=searched)]
        types = set(made["event"]["type"])
        for category in made["event"]["category"]:
            expected = self._allowed("event.category")[category].get("expected_event_types", [])
            found += [f"event.type {one} with {category}" for one in types - set(expected)]
        return found

    def _wrong(self, name: str, value: object, *, searched: bool) -> Iterator[str]:
        if name not in self.fields:
            yield f"{name}: no such field"
            return
        field = self.fields[name]
        if isinstance(value, list) != ("array" in field["normalize"]):
            yield f"{name}: one or many"
        for one in value if isinstance(value, list) else [value]:
            if field["type"] == "date":
                datetime.fromisoformat(str(one))
            elif type(one) is not KINDS[field["type"]]:
                yield f"{name}: {type(one)} is no {field['type']}"
            if "allowed_values" in field and one not in self._allowed(name):
                yield f"{name}: {one} is no allowed value"
            if searched and len(str(one)) > field.get("ignore_above", len(str(one))):
                yield f"{name}: {len(str(one))} characters, which are not indexed"

    def _allowed(self, name: str) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.fields[name]["allowed_values"]}


def flat(made: dict[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    """Fields by their whole names, without our own."""
    for key, value in made.items():
        name = above + key
        if isinstance(value, dict):
            yield from flat(value, f"{name}.")
        elif not name.startswith(OURS):
            yield name, value


@pytest.fixture(scope="module", params=list(LISTS) or ["none"])
def schema(request: pytest.FixtureRequest) -> Schema:
    return Schema(request.param, orjson.loads(LISTS[request.param].read_bytes()))


def documents(found: list[Finding]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in exporter("ecs")(found)]


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_the_version_told_lies_between_the_lists() -> None:
    (made,) = documents([finding()])
    first, last = min(LISTS, key=numbers), max(LISTS, key=numbers)
    assert numbers(first) < numbers(made["ecs"]["version"]) < numbers(last)


def test_each_severity_status_verdict_and_source(schema: Schema) -> None:
    for made in documents([*EVERY, finding(seq=4)]):
        assert not schema.wrong(made)


@pytest.mark.parametrize("gate", GATES)
def test_every_finding_of_a_recorded_gateway_is_found_by_its_fields(schema: Schema, gate: str) -> None:
    for made in documents(recorded(gate).findings):
        assert not schema.wrong(made, searched=True)


@settings(max_examples=40)
@given(found=st.lists(FOUND, max_size=3))
def test_every_finding(schema: Schema, found: list[Finding]) -> None:
    for made in documents(found):
        assert not schema.wrong(made)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("kind", "finding", "event.kind: finding is no allowed value"),
        ("severity", "73", "event.severity: <class 'str'> is no long"),
        ("outcome", ["failure"], "event.outcome: one or many"),
        ("type", ["denied"], "event.type denied with configuration"),
        ("colour", "red", "event.colour: no such field"),
    ],
)
def test_what_the_schema_does_not_know_is_told(schema: Schema, name: str, value: object, told: str) -> None:
    (made,) = documents([finding()])
    made["event"][name] = value
    assert told in schema.wrong(made)
