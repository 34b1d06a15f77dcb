"""Recorded gateways and what is to be found there."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import orjson
import pytest

from agent.catalog import NO_NAMES, read
from agent.config import Settings
from agent.model.resolver import NameSet
from agent.outputs import renderer
from agent.packs import find_packs, select
from agent.pipeline import audit
from agent.snapshot import load
from tests.gateways.compact import GATEWAYS, audited, compact

EXPECTED = sorted(path.parent.name for path in GATEWAYS.glob("*/expected.json"))
RECORDED = sorted(path.parent.name for path in GATEWAYS.glob("*/host.toml"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_host_is_judged_as_expected(name: str) -> None:
    expected = json.loads((GATEWAYS / name / "expected.json").read_bytes())
    assert compact(audited(GATEWAYS / name)) == expected


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_host_is_what_was_set_up(name: str) -> None:
    taken = load(GATEWAYS / name)
    files = tomllib.loads((GATEWAYS / name / "host.toml").read_text(encoding="utf-8"))["files"]
    read = {path: taken.get(f"files{path}").text for path in files if f"files{path}" in taken.artifacts}
    assert read == {path: files[path] for path in read}, f"python -m tests.gateways.record {name}"
    assert len(read) > 1


def test_every_recorded_host_has_expectations() -> None:
    assert set(RECORDED) <= set(EXPECTED)


def test_an_allow_list_of_addresses() -> None:
    snapshot = load(GATEWAYS / "egress-allow-list")
    packs = select(find_packs(Path("/nonexistent")), ["livechat"])
    report = audit(snapshot, packs, Settings(), snapshot.taken_at)
    found = {(one.rule.id, one.zone, one.subject.name) for one in report.findings}
    domains = {one.pattern for one in packs[0].requirements()}
    for domain in domains:
        for zone in ("lan0", "lan1"):
            assert ("required-domain-partly-blocked", zone, domain) in found
    assert not [one for one in report.findings if one.zone == "host"]
    (deny,) = (one for one in report.findings if one.rule.id == "web-filtered-by-ip" and one.zone == "lan1")
    assert deny.locus[0].text == 'iifname "lan1" ip daddr 23.32.0.0/11 drop'
    assert deny.locus[0].handle is not None
    verdicts = {(one.zone, one.family, one.verdict.value) for one in report.verdicts if one.port == "tcp/443"}
    assert verdicts == {
        (zone, family, "not-routed" if family == 6 else "allowed" if zone == "host" else "partial")
        for zone in ("lan0", "lan1", "host")
        for family in (4, 6)
    }


def test_questions_about_addresses_keep_no_lists_of_names() -> None:
    (resolver,) = read(load(GATEWAYS / "unbound-blocklist"), NO_NAMES).resolvers
    kept = {entry for view in resolver.views for stage in (*view.stages, *view.chain) for entry in stage.sets}
    assert {one.text for one in kept if isinstance(one, NameSet)} <= {"", "invalid"}


def test_the_same_inputs_give_the_same_bytes() -> None:
    snapshot = load(GATEWAYS / "egress-allow-list")
    packs = select(find_packs(Path("/nonexistent")), [])
    one, other = (audit(snapshot, packs, Settings(), snapshot.taken_at) for _ in range(2))
    assert orjson.dumps(one) == orjson.dumps(other)
    assert renderer("json")(one, None) == renderer("json")(other, None)
