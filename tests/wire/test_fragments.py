"""Datagrams from fragments: in any order, overlapping, too many, too late."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6

from agent.wire.fragments import (
    DATAGRAM_LIMIT,
    DATAGRAM_OVERHEAD,
    MEMORY_LIMIT,
    PIECE_LIMIT,
    TIMEOUT,
    Fragments,
)
from agent.wire.ip import Fragment, Packet, decode

ONE, OTHER = b"\x0a\x01\x02\x03", b"\xc0\x00\x02\x07"


def _add(
    fragments: Fragments,
    offset: int,
    payload: bytes,
    *,
    more: bool = True,
    number: int = 1,
    now: float = 0.0,
    family: int = 4,
) -> bytes | None:
    address = 1 if family == 4 else 4
    packet = Packet(
        family,
        17,
        ONE * address,
        OTHER * address,
        60,
        None,
        0,
        len(payload),
        missing=0,
        fragment=Fragment(offset, more=more, identification=number),
    )
    found = fragments.add(packet, payload, now)
    return None if found is None else found[2]


@pytest.mark.parametrize("seed", range(8))
def test_ipv4_in_any_order(seed: int) -> None:
    whole = IP(src="10.1.2.3", dst="192.0.2.7", id=5) / UDP(sport=1, dport=2) / random.Random(seed).randbytes(5000)
    pieces = [bytes(piece) for piece in fragment(whole, 600)]
    random.Random(seed).shuffle(pieces)
    fragments = Fragments()
    found = [fragments.add(decode(piece), piece, 0.0) for piece in pieces]
    assert found[:-1] == [None] * (len(pieces) - 1)
    assert found[-1] == (17, 64, bytes(whole)[20:])
    assert (len(fragments), fragments.memory) == (0, 0)


@pytest.mark.parametrize("seed", range(8))
def test_ipv6_in_any_order(seed: int) -> None:
    data = random.Random(seed).randbytes(5000)
    whole = IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrFragment(id=7) / UDP(sport=1, dport=2) / data
    pieces = [bytes(piece) for piece in fragment6(whole, 1280)]
    random.Random(seed).shuffle(pieces)
    fragments = Fragments()
    # each comes twice, which changes nothing
    found: list[Any] = [fragments.add(decode(piece), piece, 0.0) for piece in (*pieces[:-1], *pieces)]
    assert found[:-1] == [None] * (2 * len(pieces) - 2)
    assert found[-1] == (17, 64, bytes(whole[UDP]))


def test_the_first_bytes_win_in_ipv4() -> None:
    fragments = Fragments()
    assert _add(fragments, 8, b"B" * 8) is None
    assert _add(fragments, 24, b"D" * 8) is None
    assert _add(fragments, 0, b"x" * 32) is None
    assert _add(fragments, 24, b"y" * 12, more=False) == b"x" * 8 + b"B" * 8 + b"x" * 8 + b"D" * 8 + b"yyyy"


@pytest.mark.parametrize("offset", [0, 8, 16])
def test_overlapping_fragments_of_ipv6_are_refused(offset: int) -> None:
    fragments = Fragments()
    assert _add(fragments, 8, b"B" * 16, family=6) is None
    assert _add(fragments, offset, b"x" * 16, family=6) is None
    assert fragments.refused == 1
    for at, piece, more in ((0, b"A" * 8, True), (8, b"B" * 16, True), (24, b"C", False)):
        assert _add(fragments, at, piece, more=more, family=6) is None
    assert _add(fragments, 0, b"A" * 8, family=6, now=TIMEOUT + 1) is None
    assert _add(fragments, 8, b"B", more=False, family=6, now=TIMEOUT + 1) == b"A" * 8 + b"B"


@pytest.mark.parametrize(
    "pieces",
    [
        [(0, 12, True)],
        [(0, 0, True)],
        [(65528, 8, False)],
        [(8, 8, False), (16, 8, False)],
        [(16, 8, True), (8, 8, False)],
        [(8, 8, False), (8, 16, True)],
    ],
)
def test_contradictions_are_refused(pieces: list[tuple[int, int, bool]]) -> None:
    fragments = Fragments()
    for offset, length, more in pieces:
        assert _add(fragments, offset, bytes(length), more=more) is None
    assert (fragments.refused, fragments.memory) == (1, DATAGRAM_OVERHEAD)


def test_a_fragment_that_was_not_captured_whole() -> None:
    fragments = Fragments()
    cut = Packet(4, 17, ONE, OTHER, 60, 1, 0, 16, missing=1, fragment=Fragment(0, more=True, identification=1))
    assert fragments.add(cut, bytes(16), 0.0) is None
    assert fragments.refused == 1


def test_time_runs_out() -> None:
    fragments = Fragments()
    assert _add(fragments, 0, b"A" * 8) is None
    assert _add(fragments, 8, b"B", more=False, now=TIMEOUT + 0.1) is None
    assert (fragments.expired, len(fragments)) == (1, 1)


def test_vlan_and_tunnel_keep_datagrams_apart() -> None:
    fragments = Fragments()
    first = Packet(4, 17, ONE, OTHER, 60, 1, 0, 8, missing=0, fragment=Fragment(0, more=True, identification=1))
    last = first._replace(fragment=Fragment(8, more=False, identification=1))
    assert fragments.add(first, b"A" * 8, 0.0, (5,)) is None
    assert fragments.add(last, b"B" * 8, 0.0, (6,)) is None
    assert fragments.add(last, b"B" * 8, 0.0, (5,), ("gre",)) is None
    assert fragments.add(last, b"B" * 8, 0.0, (5,)) == (17, 60, b"A" * 8 + b"B" * 8)


def test_a_flood_of_datagrams_does_not_grow_it() -> None:
    fragments = Fragments()
    for number in range(5 * DATAGRAM_LIMIT):
        assert _add(fragments, 0, b"A" * 8, number=number) is None
    assert len(fragments) == DATAGRAM_LIMIT
    assert fragments.evicted == 4 * DATAGRAM_LIMIT


@pytest.mark.parametrize("size", [8, 1480])
def test_a_flood_of_fragments_does_not_grow_it(size: int) -> None:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    fragments = Fragments()
    for number in range(120):
        for offset in range(0, 64000, max(size, 16) if size == 1480 else 32):
            _add(fragments, offset, bytes(size), number=number)
    assert fragments.memory <= MEMORY_LIMIT
    assert fragments.evicted
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1.2 * MEMORY_LIMIT


def test_pieces_of_one_datagram_are_bounded() -> None:
    fragments = Fragments()
    for offset in range(0, 16 * (PIECE_LIMIT + 1), 16):
        _add(fragments, offset, bytes(8))
    assert fragments.refused == 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.integers(0, 40),
            st.booleans(),
            st.integers(0, 2),
            st.sampled_from([4, 6]),
            st.floats(0, 90),
        ),
        max_size=40,
    )
)
def test_its_books_balance(pieces: list[tuple[int, int, bool, int, int, float]]) -> None:
    fragments = Fragments()
    for offset, length, more, number, family, now in pieces:
        found = _add(fragments, offset * 8, bytes(length), more=more, number=number, now=now, family=family)
        assert found is None or not any(found)
        kept = fragments._datagrams.values()
        assert fragments.memory == sum(datagram.cost for datagram in kept)
        for datagram in kept:
            assert datagram.received == sum(map(len, datagram.pieces))
            ends = [begin + len(piece) for begin, piece in zip(datagram.begins, datagram.pieces, strict=True)]
            assert all(end <= begin for end, begin in zip(ends, datagram.begins[1:], strict=False))


@given(st.data())
def test_any_cutting_gives_the_whole(data: st.DataObject) -> None:
    whole = data.draw(st.binary(min_size=17, max_size=200))
    cuts = sorted({8 * cut for cut in data.draw(st.lists(st.integers(1, (len(whole) - 1) // 8), min_size=1))})
    edges = [0, *cuts, len(whole)]
    pieces = data.draw(st.permutations(list(pairwise(edges))))
    for family in (4, 6):
        fragments = Fragments()
        found = [_add(fragments, a, whole[a:b], more=b < len(whole), family=family) for a, b in pieces]
        assert found == [None] * (len(pieces) - 1) + [whole]
