"""Interval sets behave like sets of integers."""

from __future__ import annotations

from ipaddress import ip_network
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from agent.model import intervals
from agent.model.intervals import Intervals, name_prefix, name_text, name_value, prefixes

HIGHEST = 63
PAIRS = st.lists(st.tuples(st.integers(0, HIGHEST), st.integers(0, HIGHEST)), max_size=6)


def members(values: Intervals) -> set[int]:
    return {one for low, high in values for one in range(low, high + 1)}


@given(PAIRS, PAIRS, st.sampled_from([0, 64]))
def test_operations_agree_with_sets(first: list[tuple[int, int]], second: list[tuple[int, int]], many: int) -> None:
    one, other = Intervals.of(first), Intervals.of(second)
    with patch.object(intervals, "MANY", many):  # long sets are met in another way
        both, rest = one & other, one - other
    assert members(one | other) == members(one) | members(other)
    assert members(both) == members(one) & members(other)
    assert members(rest) == members(one) - members(other)
    assert both == Intervals.of(both)
    assert rest == Intervals.of(rest)
    assert members(one.complement(HIGHEST)) == set(range(HIGHEST + 1)) - members(one)
    assert one.size() == len(members(one))
    assert all((value in one) == (value in members(one)) for value in range(HIGHEST + 1))
    assert (one <= other) == (members(one) <= members(other))
    assert one.overlaps(10, 20) == bool(members(one) & set(range(10, 21)))


@given(PAIRS)
def test_union_is_canonical(pairs: list[tuple[int, int]]) -> None:
    values = Intervals.of(pairs)
    assert all(low > end + 1 for low, end in zip(values.starts[1:], values.ends, strict=False))
    assert Intervals.of(reversed(pairs)) == values


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_prefixes_cover_exactly(first: int, second: int) -> None:
    values = Intervals.span(min(first, second), max(first, second))
    found = [ip_network(text) for text in prefixes(values, 4)]
    assert sum(one.num_addresses for one in found) == values.size()
    assert int(found[0].network_address) == values.starts[0]
    assert int(found[-1].broadcast_address) == values.ends[-1]


def test_interface_names_are_integers() -> None:
    assert name_text(name_value("lan0")) == "lan0"
    low, high = name_prefix("lan")
    assert low <= name_value("lan0") <= high
    assert not low <= name_value("wan0") <= high
    assert name_text(0) == ""
