"""What the wire has shown, on its way into reports and through the store."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import Settings
from agent.model.outcome import Fate, OutcomeStage
from agent.observe.tally import Tally
from agent.outputs import renderer
from agent.packs import find_packs, select
from agent.pipeline import audit, verdict_key
from agent.snapshot import load
from tests.observe.told import CLIENT, NEED, NOON, address, answer, hello, outcome
from tests.store.test_lifecycle import History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.evidence import Observed
    from agent.model.report import Report
    from agent.model.vocabulary import Reach
    from agent.pipeline import Key

GATEWAY = Path(__file__).parent / "gateways" / "egress-allow-list"
PACKS = select(find_packs(Path("/nonexistent")), ())
AT = datetime.fromtimestamp(NOON, UTC) + timedelta(minutes=40)


def observed(blocked: int = 3, addresses: int = 4) -> Observed:
    tally = Tally([NEED], bytes(32))
    for number in range(addresses):
        tally.add(answer(address(f"8.31.1.{number + 1}"), at=NOON))
    for number in range(blocked):
        tally.outcome(outcome(Fate.TCP_REFUSED, NOON + number, stage=OutcomeStage.TCP, confidence=0.8))
    tally.add(hello())
    return tally.observed()


def reported(
    seen: Observed | None, steady: Mapping[Key, tuple[Reach, float]] | None = None, at: datetime = AT
) -> Report:
    return audit(load(GATEWAY), PACKS, Settings(), at, observed=seen, steady=steady)


def test_a_report_tells_what_was_seen() -> None:
    report = reported(observed())
    (finding,) = (one for one in report.findings if one.rule.id == "required-domain-observed-blocked")
    assert finding.source == "observed"
    (evidence,) = finding.evidence
    assert evidence.type == "observed"
    assert evidence.at == datetime.fromtimestamp(NOON + 2, UTC)
    assert evidence.data["class"] == "tcp-refused"
    assert any(one.rule.id == "web-allow-list-incomplete" for one in report.findings)
    assert any("1 connections of TLS and QUIC" in note and "100 %" in note for note in report.notes)
    assert CLIENT not in repr(report)
    for form in ("text", "json", "jsonl"):
        assert b"8.31.1.1" in renderer(form)(report, None) or form == "text"


def test_nobody_watching_changes_nothing() -> None:
    report = reported(None)
    assert all(one.source == "config" for one in report.findings)
    assert not any("observed" in note for note in report.notes)


def test_more_of_the_same_is_no_change_and_passing_ends_it() -> None:
    history = History()
    history.take(reported(observed(3)), AT)
    assert not history.take(reported(observed(5, addresses=6)), AT)
    tally = Tally([NEED], bytes(32))
    for number in range(9):
        tally.outcome(outcome(at=NOON + 3600 + number))
    events = history.take(reported(tally.observed()), AT)
    told = [(one.event, json.loads(one.body)["rule"]["id"]) for one in events]
    assert told == [("resolved", "required-domain-observed-blocked")]


def contradictions(report: Report) -> list[str]:
    return [one.zone or "" for one in report.findings if one.rule.id == "evidence-contradicts-configuration"]


def test_contradictions_wait_until_a_verdict_has_stood() -> None:
    tally = Tally([NEED], bytes(32))
    for number in range(4):
        tally.outcome(outcome(Fate.TCP_REFUSED, NOON + number, stage=OutcomeStage.TCP, zone="host"))
    seen = tally.observed()
    report = reported(seen)
    assert {one.verdict.value for one in report.verdicts if (one.zone, one.port, one.family) == ("host", "tcp/443", 4)} == {
        "allowed"
    }  # fmt: skip
    before = {verdict_key(one): (one.verdict, NOON - 1) for one in report.verdicts}
    assert contradictions(report) == ["host"]
    assert not contradictions(reported(seen, at=AT + timedelta(hours=1))), "one audit alone takes an hour for granted"
    assert contradictions(reported(seen, before)) == ["host"]
    assert not contradictions(reported(seen, {}))
    assert not contradictions(reported(seen, {key: (one, NOON + 1) for key, (one, _) in before.items()}))
    assert not contradictions(reported(seen, {key: (type(one).UNKNOWN, 0.0) for key, (one, _) in before.items()}))
