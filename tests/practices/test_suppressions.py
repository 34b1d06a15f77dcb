"""Suppressions that lapse are told of in time, once each, under a name that stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.config import Settings
from agent.model.suppression import Entry
from agent.pipeline import SUMMARY_LIMIT, audit
from agent.snapshot import load
from rules.practices.suppression_expiring import find
from tests.practices.case import case

if TYPE_CHECKING:
    from agent.model.report import Finding
    from agent.practice import Case

NOW = datetime(2026, 11, 26, tzinfo=UTC)
WEEK = timedelta(days=7)
GATEWAY = Path(__file__).parents[1] / "gateways" / "egress-allow-list"


def entry(days: float, rule: str = "r", owner: str = "ops@example.com") -> Entry:
    return Entry(owner=owner, reason="until the move", expires=NOW + timedelta(days=days), rule=rule, zone="lan0")


@pytest.fixture(scope="module")
def without() -> Case:
    """A case without suppressions; it takes longer to make than all that is asked here."""
    return replace(case(), now=NOW, warn=WEEK)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (30, None),
        (7.1, None),
        (7, "the suppression of rule r, zone lan0 lapses 2026-12-03 00:00 UTC"),
        (0.5, "the suppression of rule r, zone lan0 lapses 2026-11-26 12:00 UTC"),
        (0, "the suppression of rule r, zone lan0 lapsed 2026-11-26 00:00 UTC: what it alone held back is open again"),
        (-40, "the suppression of rule r, zone lan0 lapsed 2026-10-17 00:00 UTC: what it alone held back is open"),
    ],
)
def test_it_is_told_a_week_before_and_from_then_on(days: float, said: str | None, without: Case) -> None:
    hits = list(find(replace(without, suppressions=(entry(days),))))
    if said is None:
        assert not hits
        return
    (hit,) = hits
    assert hit.summary.startswith(said)
    assert hit.subject == ("suppression", "rule r, zone lan0")
    assert "ops@example.com" in hit.remedy
    assert "until the move" in hit.remedy


def test_one_that_was_decided_again_is_not_told(without: Case) -> None:
    for pair in ((entry(-1), entry(30)), (entry(30), entry(-1))):
        assert not list(find(replace(without, suppressions=pair)))


def test_two_of_one_scope_are_one_and_the_later_counts(without: Case) -> None:
    hits = find(replace(without, suppressions=(entry(3, owner="a"), entry(5, owner="b"), entry(1, "other"))))
    assert [(hit.key, dict(hit.evidence)["owner"]) for hit in hits] == [
        ("rule other, zone lan0", "ops@example.com"),
        ("rule r, zone lan0", "b"),
    ]


def test_without_suppressions_nothing_is_told(without: Case) -> None:
    assert not list(find(without))


def told(*entries: Entry) -> list[Finding]:
    report = audit(load(GATEWAY), (), Settings(), NOW, suppressions=entries)
    return [one for one in report.findings if one.rule.id == "suppression-expiring"]


def test_its_uid_stays_while_it_is_the_same_suppression_and_nothing_holds_it_back() -> None:
    (soon,) = told(entry(3))
    hide = Entry(owner="o", reason="r", expires=NOW + timedelta(days=60), rule="suppression-expiring")
    again = [*told(entry(5)), *told(entry(-1)), *told(entry(3, owner="net")), *told(entry(3), hide)]
    assert len(again) == 4
    assert {one.uid for one in again} == {soon.uid}
    assert {one.status for one in again} == {"open"}
    (other,) = told(entry(3, "other"))
    assert other.uid != soon.uid


def test_a_long_scope_does_not_hide_what_becomes_of_it() -> None:
    (one,) = told(entry(3, "r" * 400))
    assert len(one.summary) <= SUMMARY_LIMIT
    assert one.summary.endswith("… lapses 2026-11-29 00:00 UTC")
    assert one.subject.name == f"rule {'r' * 400}, zone lan0"
