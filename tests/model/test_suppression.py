"""Decisions to live with findings: what they cover, for how long, and what they do not hide."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.report import Finding, SourceOut
from agent.model.suppression import Entry, suppress
from tests.store.test_lifecycle import finding

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ONE = replace(
    finding("*.livechat.com", NOW),
    zone="lan0",
    locus=[SourceOut(artifact="nft.json", table="inet filter", chain="forward", text="ip daddr  @bad drop")],
)


def entry(
    days: float = 30,
    *,
    rule: str | None = None,
    domain: str | None = None,
    zone: str | None = None,
    locus: str | None = None,
    uid: str | None = None,
) -> Entry:
    expires = NOW + timedelta(days=days)
    return Entry(
        owner="ops",
        reason="new firewall comes",
        expires=expires,
        rule=rule,
        domain=domain,
        zone=zone,
        locus=locus,
        uid=uid,
    )


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({"rule": "r"}, True),
        ({"rule": "other"}, False),
        ({"domain": "*.livechat.com"}, True),
        ({"domain": "*.helpdesk.com"}, False),
        ({"rule": "r", "zone": "lan0"}, True),
        ({"rule": "r", "zone": "lan1"}, False),
        ({"locus": "@bad drop"}, True),
        ({"locus": "daddr @bad"}, True),
        ({"locus": "forward"}, True),
        ({"locus": "@good"}, False),
        ({"uid": ONE.uid}, True),
        ({"uid": "0" * 32}, False),
        ({"rule": "r", "locus": "@good"}, False),
    ],
)
def test_a_scope_is_all_that_it_names(scope: dict[str, str], covered: bool) -> None:
    (found,), (told,) = suppress([ONE], [entry(30, **scope)], NOW)
    assert (found.status == "suppressed") is covered
    assert told.findings == covered
    assert (found.suppression is not None) is covered
    if found.suppression:
        assert (found.suppression.owner, found.suppression.reason) == ("ops", "new firewall comes")


@pytest.mark.parametrize("scope", [{}, {"zone": "lan0"}])
def test_a_scope_that_hides_whatever_comes_is_refused(scope: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must name what it is about"):
        entry(30, **scope)


def test_it_lapses_and_is_warned_of_before() -> None:
    states = [entry(days, rule="r").state(NOW) for days in (30, 7, 6, 0, -1)]
    assert states == ["active", "expiring", "expiring", "expired", "expired"]
    (found,), (told,) = suppress([ONE], [entry(0, rule="r")], NOW)
    assert (found, told.findings, told.state) == (ONE, 0, "expired")


def test_the_first_that_holds_counts_and_warnings_are_never_held_back() -> None:
    old, first, second = entry(-1, rule="r"), entry(1, rule="r"), entry(2, domain="*.livechat.com")
    (found,), told = suppress([ONE], [old, first, second], NOW)
    assert found.suppression is not None
    assert found.suppression.expires == first.expires
    assert sorted(one.findings for one in told) == [0, 0, 1]
    warning = replace(ONE, rule=replace(ONE.rule, id="suppression-expiring"))
    assert suppress([warning], [entry(rule="suppression-expiring")], NOW)[0] == [warning]


def test_a_day_counts_to_its_end() -> None:
    from agent.suppressions import parse  # noqa: PLC0415 - the reader, for what it makes of a date

    text = b'[[suppress]]\nrule = "r"\nowner = "o"\nreason = "x"\nexpires = 2026-11-30\n'
    (one,) = parse(text, "f", timedelta(days=90), {"r"}, NOW)
    assert one.expires == datetime.combine(date(2026, 12, 1), datetime.min.time(), UTC)


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=6), st.sampled_from(["a", "b", "x"]))
def test_what_it_does_not_cover_stays_as_it_is(names: list[str], domain: str) -> None:
    found: list[Finding] = [finding(name, NOW) for name in names]
    marked, (told,) = suppress(found, [entry(domain=domain)], NOW)
    assert [one.uid for one in marked] == [one.uid for one in found]
    assert told.findings == names.count(domain)
    for before, after in zip(found, marked, strict=True):
        assert after == before if before.subject.name != domain else after.status == "suppressed"
