"""The machine-readable formats, held against the published schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema
import orjson
import pytest

from agent.errors import UsageError
from agent.model.explanation import Explanation, Hop, RoadTold
from agent.model.source import Source
from agent.outputs import explainer, formats, renderer
from agent.serve.schemas import schema

if TYPE_CHECKING:
    from agent.model.report import Report


def test_formats_are_found_by_looking() -> None:
    known = ["csv", "ecs", "html", "json", "jsonl", "ocsf", "otel", "sarif", "text"]
    assert set(known) <= set(formats())
    with pytest.raises(UsageError, match=f"no format 'xml' for this; there are: {', '.join(known)}$"):
        renderer("xml")
    with pytest.raises(UsageError, match=r"no format 'jsonl' for this; there are: json, text$"):
        explainer("jsonl")


@pytest.mark.parametrize("what", ["report", "finding", "pack", "config", "suppressions"])
def test_each_schema_is_one(what: str) -> None:
    found = schema(what)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["title"]


def test_json_is_one_object_that_follows_its_schema(partly: Report) -> None:
    data = renderer("json")(partly, None)
    assert data.count(b"\n") == 1
    found = orjson.loads(data)
    jsonschema.Draft202012Validator(schema("report")).validate(found)
    assert list(found) == ["schema", "host", "scan", "policy", "verdicts", "findings", "gaps", "notes", "suppressions"]
    assert found["scan"]["at"] == "2026-11-23T03:00:00Z"
    assert found["findings"][0]["seq"] is None


def test_jsonl_is_one_finding_a_line_that_follows_its_schema(partly: Report) -> None:
    lines = renderer("jsonl")(partly, None).splitlines()
    validator = jsonschema.Draft202012Validator(schema("finding"))
    for line in lines:
        validator.validate(orjson.loads(line))
    assert [orjson.loads(line)["uid"] for line in lines] == [one.uid for one in partly.findings]


def test_the_schema_refuses_what_is_not_in_the_contract(partly: Report) -> None:
    found = orjson.loads(renderer("jsonl")(partly, None).splitlines()[0])
    validator = jsonschema.Draft202012Validator(schema("finding"))
    for broken in ({"severity": "bad"}, {"uid": "x"}, {"summary": "x" * 201}, {"status": "closed"}, {"family": ["4"]}):
        assert not validator.is_valid(found | broken), broken
    found.pop("remedy")
    assert not validator.is_valid(found)


def test_what_is_written_may_gain_keys_and_what_is_read_may_not(partly: Report) -> None:
    found = orjson.loads(renderer("json")(partly, None)) | {"new": 1}
    found["findings"][0]["rule"]["new"] = 1
    jsonschema.Draft202012Validator(schema("report")).validate(found)
    config = jsonschema.Draft202012Validator(schema("config"))
    assert config.is_valid({"fail_on": "low", "schedule": {"every": "15m"}, "zone": [{"name": "a", "interface": "b"}]})
    assert not config.is_valid({"new": 1})
    assert not config.is_valid({"schedule": {"every": 15}})


def test_the_schema_of_the_configuration_shows_its_defaults_as_they_are_written() -> None:
    found = schema("config")["properties"]
    assert found["schedule"]["default"] == {"every": "15m", "jitter": "30s"}
    assert found["state_dir"]["default"] == "/var/lib/gateproof"


def test_the_schema_keeps_free_form_evidence() -> None:
    evidence = schema("finding")["$defs"]["Evidence"]["properties"]["data"]
    assert evidence["additionalProperties"] is True


def test_a_road_as_json() -> None:
    hop = Hop("packet filter", "allowed", "all of it", (Source("nft.json", "accept", handle=3),))
    road = RoadTold("tcp/443 IPv4 direct", "allowed", "all of it", (hop,))
    (found,) = orjson.loads(explainer("json")((Explanation("a.example", "lan0", (road,), "allowed"),), None))
    assert found["roads"][0]["hops"][0]["sources"][0]["handle"] == 3
    assert found["verdict"] == "allowed"
