"""Configurations for those who ship findings: they are YAML, and speak of what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import yaml

from agent.store.lifecycle import Event
from tests.store.test_lifecycle import START, History, finding

FOLDER = Path(__file__).parents[2] / "packaging"


def event() -> dict[str, Any]:
    (one,) = History().then(START, finding("a", START))
    assert isinstance(one, Event)
    found: dict[str, Any] = orjson.loads(one.line())
    return found


def has(document: Any, path: str) -> bool:
    for word in path.split("."):
        if not isinstance(document, dict) or word not in document:
            return False
        document = document[word]
    return True


def test_vector_reads_what_events_have_and_its_parts_are_joined() -> None:
    document = yaml.safe_load((FOLDER / "vector" / "gateproof.yaml").read_text())
    parts = document["sources"] | document["transforms"] | document["sinks"]
    for one in (*document["transforms"].values(), *document["sinks"].values()):
        assert set(one["inputs"]) <= set(parts)
    remap = document["transforms"]["findings"]["source"]
    for line in remap.splitlines():
        name, _, value = line.partition(" = ")
        if value.startswith("."):
            assert has(event(), value[1:]), line
        assert name.startswith(".")


def test_filebeat_knows_an_event_by_what_makes_it_one() -> None:
    document = yaml.safe_load((FOLDER / "filebeat" / "gateproof.yml").read_text())
    for one in document["filebeat.inputs"]:
        (fields,) = (step["fingerprint"]["fields"] for step in one["processors"] if "fingerprint" in step)
        assert fields == ["gateproof.finding.host.id", "gateproof.finding.uid", "gateproof.seq"]
        assert all(has(event(), field.removeprefix("gateproof.")) for field in fields)


def test_fluent_bit_follows_the_file_that_is_written() -> None:
    document = yaml.safe_load((FOLDER / "fluent-bit" / "gateproof.yaml").read_text())
    (tail,) = document["pipeline"]["inputs"]
    assert tail["path"].endswith("/findings.jsonl")
    assert {one["match"] for one in document["pipeline"]["outputs"]} == {tail["tag"]}
    (parser,) = document["parsers"]
    assert parser["time_key"] in event()
