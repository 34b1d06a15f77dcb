"""What is recognised behind what, however few bytes stand before it."""

from __future__ import annotations

import pytest

from agent.model.observation import ClientHello, Dns, HttpRequest, HttpResponse, ServerHello, Via
from tests.wire.test_dissect import OURS, THEIRS, Step, frame, messages, opening, seen
from tests.wire.test_dns import message
from tests.wire.test_tls import answer, hello, record

HELLO, ANSWER = record(hello()), record(answer())


def talk(*parts: tuple[bool, bytes]) -> list[Step]:
    """Each part a segment."""
    at = {OURS: 100, THEIRS: 500}
    steps = opening()
    for side, data in parts:
        steps.append((side, at[side], "PA", data))
        at[side] += len(data)
    return steps


@pytest.mark.parametrize(
    ("before", "via"),
    [
        (((OURS, b"\0\0\0\x08\x04\xd2\x16\x2f"), (THEIRS, b"S")), Via("starttls:postgresql")),
        (((OURS, b"\x04\x01\x01\xbb\x01\x02\x03\x04u\0"), (THEIRS, b"\0\x5a" + bytes(6))), Via("socks4", "1.2.3.4:443")),
        (((THEIRS, b"200 ok\r\n"), (OURS, b"STARTTLS\r\n"), (THEIRS, b"382 go\r\n")), None),
        (
            (
                (OURS, b"\x05\x01\0"), (THEIRS, b"\x05\0"), (OURS, b"\x05\x01\0\x03\x08text.com\x01\xbb"),
                (THEIRS, b"\x05\0\0\x01" + bytes(6)),
            ),
            Via("socks5", "text.com:443"),
        ),
    ],
)  # fmt: skip
def test_tls_behind_a_few_bytes_of_something_else(before: tuple[tuple[bool, bytes], ...], via: Via | None) -> None:
    found = seen([frame(step, 5432) for step in talk(*before, (OURS, HELLO), (THEIRS, ANSWER))])
    assert [(type(one.message), one.via) for one in found] == [(ClientHello, via), (ServerHello, via)]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_hello_in_small_segments(size: int) -> None:
    parts = [(OURS, HELLO[at : at + size]) for at in range(0, len(HELLO), size)]
    assert [type(one) for one in messages(talk(*parts))] == [ClientHello]


@pytest.mark.parametrize("empty", [b"\r\n", b"\n\n", b"\r\n\r\n"])
def test_empty_lines_before_a_request(empty: bytes) -> None:
    request = empty + b"GET / HTTP/1.1\r\nHost: text.com\r\n\r\n"
    assert [type(one) for one in messages(talk((OURS, request)), 80)] == [HttpRequest]
    assert [type(one) for one in messages(talk((OURS, empty), (OURS, request)), 80)] == [HttpRequest]


def test_a_body_without_length_in_the_segment_of_its_head() -> None:
    found = messages(
        talk(
            (OURS, b"GET / HTTP/1.1\r\n\r\n"),
            (THEIRS, b"HTTP/1.0 200 OK\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
            (THEIRS, b"more"),
            (THEIRS, b"HTTP/1.1 404 Not Found\r\n\r\n"),
        ),
        80,
    )
    assert [type(one) for one in found] == [HttpRequest, HttpResponse, HttpResponse]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 12, 13])
def test_dns_in_small_segments(size: int) -> None:
    wire = message().to_wire()
    data = len(wire).to_bytes(2, "big") + wire
    parts = [(THEIRS, data[at : at + size]) for at in range(0, len(data), size)]
    assert [type(one) for one in messages(talk(*parts), 53)] == [Dns]
