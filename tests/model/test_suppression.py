"""Decisions to live with findings: what they cover, for how long, and what they do not hide."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.report import Finding, SourceOut
from agent.model.suppression import Entry, suppress
from tests.store.test_lifecycle import finding

NOW = datetime(2026, 11, 26, tzinfo=UTC)
WEEK = timedelta(days=7)
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
        ({"domain": "*.com"}, True),
        ({"domain": "livechat.com"}, False),
        ({"domain": "*.chat.com"}, False),
        ({"rule": "r", "zone": "lan0"}, True),
        ({"rule": "r", "zone": "lan1"}, False),
        ({"locus": "@bad drop"}, True),
        ({"locus": "daddr @bad"}, True),
        ({"locus": "forward"}, True),
        ({"locus": "inet  filter"}, True),
        ({"locus": "nft.json"}, True),
        ({"locus": "forward ip daddr"}, False),
        ({"locus": "@good"}, False),
        ({"uid": ONE.uid}, True),
        ({"uid": "0" * 32}, False),
        ({"rule": "r", "locus": "@good"}, False),
    ],
)
def test_a_scope_is_all_that_it_names(scope: dict[str, str], covered: bool) -> None:
    (found,), (told,) = suppress([ONE], [entry(30, **scope)], NOW, WEEK)
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
    states = [entry(days, rule="r").state(NOW, WEEK) for days in (30, 7, 6, 0, -1)]
    assert states == ["active", "expiring", "expiring", "expired", "expired"]
    (found,), (told,) = suppress([ONE], [entry(0, rule="r")], NOW, WEEK)
    assert (found, told.findings, told.state) == (ONE, 0, "expired")


def test_the_first_that_holds_counts_and_warnings_are_never_held_back() -> None:
    old, first, second = entry(-1, rule="r"), entry(1, rule="r"), entry(2, domain="*.livechat.com")
    (found,), told = suppress([ONE], [old, first, second], NOW, WEEK)
    assert found.suppression is not None
    assert found.suppression.expires == first.expires
    assert sorted(one.findings for one in told) == [0, 0, 1]
    warning = replace(ONE, rule=replace(ONE.rule, id="suppression-expiring"))
    assert suppress([warning], [entry(rule="suppression-expiring")], NOW, WEEK)[0] == [warning]


def test_warning_begins_as_early_as_is_asked() -> None:
    states = [entry(3, rule="r").state(NOW, timedelta(days=days)) for days in (0, 2, 3, 4)]
    assert states == ["active", "active", "expiring", "expiring"]


def test_what_is_told_does_not_depend_on_the_order_of_the_file() -> None:
    entries = [entry(3, rule="r"), entry(2, domain="*.chatbot.com"), entry(3, locus="drop")]
    there, back = (suppress([], order, NOW, WEEK)[1] for order in (entries, entries[::-1]))
    assert there == back
    assert [one.scope for one in there] == [{"domain": "*.chatbot.com"}, {"locus": "drop"}, {"rule": "r"}]


DOMAINS = st.sampled_from(["a.example", "b.example", "c.b.example", "*.c.b.example"])
SCOPES = st.fixed_dictionaries(
    {},
    optional={
        "rule": st.sampled_from(["r", "other"]),
        "domain": st.sampled_from(["a.example", "*.b.example"]),
        "zone": st.sampled_from(["lan0", "lan1"]),
        "locus": st.sampled_from(["drop", "nft.json", "accept"]),
    },
).filter(lambda scope: bool(set(scope) - {"zone"}))
ENTRIES = st.lists(st.builds(lambda days, scope: entry(days, **scope), st.integers(-3, 9), SCOPES), max_size=6)


def some(names: list[str]) -> list[Finding]:
    return [replace(finding(name, NOW), zone="lan0") for name in names]


@given(st.lists(DOMAINS, max_size=5), ENTRIES)
def test_what_has_lapsed_never_suppresses(names: list[str], entries: list[Entry]) -> None:
    found = some(names)
    later = max((one.expires for one in entries), default=NOW)
    marked, told = suppress(found, entries, later, WEEK)
    assert marked == found
    assert {one.state for one in told} <= {"expired"}
    assert sum(one.findings for one in told) == 0


@given(st.lists(DOMAINS, max_size=5), ENTRIES, st.integers(0, 6), SCOPES, st.integers(-3, 9))
def test_one_more_entry_changes_only_what_it_covers(
    names: list[str], entries: list[Entry], place: int, scope: dict[str, str], days: int
) -> None:
    found, more = some(names), entry(days, **scope)
    before, _ = suppress(found, entries, NOW, WEEK)
    after, told = suppress(found, [*entries[:place], more, *entries[place:]], NOW, WEEK)
    for one, old, new in zip(found, before, after, strict=True):
        if not more.covers(one) or more.expires <= NOW:
            assert new == old
        else:
            assert new.status == "suppressed"
    assert len(told) == len(entries) + 1
    assert sum(one.findings for one in told) == sum(one.status == "suppressed" for one in after)


@given(st.lists(DOMAINS, max_size=5), ENTRIES)
def test_a_finding_keeps_all_else_and_has_the_first_that_holds(names: list[str], entries: list[Entry]) -> None:
    found = some(names)
    for one, marked in zip(found, suppress(found, entries, NOW, WEEK)[0], strict=True):
        assert replace(marked, status="open", suppression=None) == one
        first = next((each for each in entries if each.expires > NOW and each.covers(one)), None)
        assert (marked.suppression is not None) == (first is not None) == (marked.status == "suppressed")
        if marked.suppression is not None and first is not None:
            assert marked.suppression.expires == first.expires


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=6), st.sampled_from(["a", "b", "x"]))
def test_what_it_does_not_cover_stays_as_it_is(names: list[str], domain: str) -> None:
    found: list[Finding] = [finding(name, NOW) for name in names]
    marked, (told,) = suppress(found, [entry(domain=domain)], NOW, WEEK)
    assert [one.uid for one in marked] == [one.uid for one in found]
    assert told.findings == names.count(domain)
    for before, after in zip(found, marked, strict=True):
        assert after == before if before.subject.name != domain else after.status == "suppressed"
