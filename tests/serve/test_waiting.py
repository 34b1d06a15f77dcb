"""Requests arrive whole, however they are cut."""

from __future__ import annotations

import socket
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.serve.limits import Ceilings
from tests.serve.running import SOON, inside

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 3000 + b"\r\n\r\n"
LAST = b"GET /v1/schema HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with inside(tmp_path_factory.mktemp("state"), Ceilings()) as (found, _):
        yield found


@given(number=st.integers(1, 3), cuts=st.sets(st.integers(1, 3 * len(FIRST) + len(LAST)), max_size=6))
def test_requests_cut_anywhere_are_answered_in_order(port: int, number: int, cuts: set[int]) -> None:
    sent = FIRST * number + LAST
    places = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    with socket.create_connection(("127.0.0.1", port), timeout=SOON) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for begin, end in pairwise(places):
            client.sendall(sent[begin:end])
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == number + 1
    assert answer.count(b"ok\n") == number
    assert answer.endswith(b"}\n")


def test_who_ends_early_gives_the_place_back(port: int) -> None:
    for begun in (b"", b"GET / HT"):
        with socket.create_connection(("127.0.0.1", port), timeout=SOON) as client:
            client.sendall(begun)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
