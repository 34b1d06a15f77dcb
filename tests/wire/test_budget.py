"""Bytes that wait, in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from agent.wire.budget import Budget
from agent.wire.dissect import LIVE_WAITING_LIMIT, Dissector
from tests.observe.tap_cables import ethernet, ipv4, tcp, udp
from tests.wire.test_quic import crypto, initial
from tests.wire.test_tls import hello

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = st.binary(min_size=1, max_size=1)


@given(st.lists(st.tuples(KEYS, st.integers(0, 50)), max_size=60))
def test_never_more_than_the_limit_and_the_longest_waiting_goes_first(puts: list[tuple[bytes, int]]) -> None:
    budget = Budget(100)
    kept: dict[bytes, int] = {}
    for key, size in puts:
        gone = budget.put(key, size)
        if size:
            kept[key] = size
        else:
            kept.pop(key, None)
        assert gone == list(kept)[: len(gone)]
        for one in gone:
            del kept[one]
        assert budget.total == sum(kept.values()) <= 100
        assert all((one in budget) for one in kept)


def unfinished(count: int) -> Iterator[bytes]:
    """Hellos that go on and on, of many clients, over TCP and in QUIC."""
    begin = b"\x16\x03\x01\x40\x00\x01\x00\xff\xff\x03\x03" + bytes(1300)
    for number in range(count):
        source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        for part in range(3):
            more = begin if part == 0 else bytes(1300)
            yield ethernet(ipv4(6, tcp(more, 40000, 443, seq=1 + 1311 * part), source))
        dcid = number.to_bytes(8, "big")
        yield ethernet(ipv4(17, udp(initial(crypto(hello() + bytes(900), 40), dcid=dcid), 40000, 443), source))


def test_a_flood_of_what_is_never_whole_is_bounded() -> None:
    dissector = Dissector(live=True)
    for at, frame in enumerate(unfinished(1500)):
        assert not dissector.take(at * 0.001, 1, frame)
    assert 0 < dissector._waiting.total <= LIVE_WAITING_LIMIT
    assert dissector._quic._waiting.total <= LIVE_WAITING_LIMIT
    assert len(dissector.take(9.0, 1, ethernet(ipv4(17, udp(initial(crypto(hello())), 40001, 443), "10.9.9.9")))) == 1
