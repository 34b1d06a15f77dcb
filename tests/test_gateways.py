"""Recorded gateways and what is to be found there."""

from __future__ import annotations

from pathlib import Path

import orjson

from agent.config import Settings
from agent.outputs import renderer
from agent.packs import find_packs, select
from agent.pipeline import audit
from agent.snapshot import load

GATEWAYS = Path(__file__).parent / "gateways"


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


def test_the_same_inputs_give_the_same_bytes() -> None:
    snapshot = load(GATEWAYS / "egress-allow-list")
    packs = select(find_packs(Path("/nonexistent")), [])
    one, other = (audit(snapshot, packs, Settings(), snapshot.taken_at) for _ in range(2))
    assert orjson.dumps(one) == orjson.dumps(other)
    assert renderer("json")(one, None) == renderer("json")(other, None)
