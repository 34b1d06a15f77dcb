"""Segments in whatever order give the bytes in order, once."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from agent.wire.stream import MAX_HELD, MAX_SEGMENTS, Stream

MASK = (1 << 32) - 1


def test_in_order() -> None:
    stream = Stream()
    stream.begin(99)
    assert stream.add(100, b"ab") == [b"ab"]
    assert stream.add(102, b"cd") == [b"cd"]


def test_sequence_numbers_go_round() -> None:
    stream = Stream()
    stream.begin(MASK - 2)
    assert stream.add(MASK - 1, b"abcd") == [b"abcd"]
    assert stream.add(2, b"ef") == [b"ef"]


def test_what_came_first_wins() -> None:
    stream = Stream()
    stream.begin(0)
    assert stream.add(1, b"abc") == [b"abc"]
    assert stream.add(2, b"XYdef"[:2] + b"de") == [b"de"]
    assert stream.add(1, b"abcde") == []


def test_a_stranger_far_ahead_is_left_out() -> None:
    stream = Stream()
    stream.begin(0)
    assert stream.add(1 + (1 << 25), b"x") == []
    assert stream.held == 0


def test_what_is_missing_is_waited_for_and_then_told() -> None:
    stream = Stream()
    stream.begin(0)
    assert stream.add(11, b"k") == []
    assert stream.skip() == [10, b"k"]
    found = []
    for number in range(MAX_SEGMENTS + 1):
        found += stream.add(100 + 2 * number, b"x")
    assert found[:2] == [88, b"x"]
    assert stream.held <= MAX_HELD


@given(st.binary(min_size=1, max_size=200), st.integers(0, MASK), st.integers())
def test_any_order_and_overlap(data: bytes, start: int, seed: int) -> None:
    random = Random(seed)
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(8))
    pieces = [(a, min(len(data), b + random.randrange(5))) for a, b in zip((0, *cuts), (*cuts, len(data)), strict=True)]
    random.shuffle(pieces)
    stream = Stream()
    stream.begin(start)
    found: list[bytes | int] = []
    for begin, end in pieces:
        if begin < end:
            found += stream.add(start + 1 + begin & MASK, data[begin:end])
    assert b"".join(one for one in found if isinstance(one, bytes)) == data
    assert stream.held == 0


@given(st.lists(st.tuples(st.integers(0, MASK), st.binary(max_size=2000)), max_size=120))
def test_a_flood_is_bounded(segments: list[tuple[int, bytes]]) -> None:
    stream = Stream()
    for sequence, data in segments:
        stream.add(sequence % (1 << 20), data)
        assert stream.held <= MAX_HELD + 2000
