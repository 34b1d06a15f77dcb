"""Heads of HTTP/1 in streams that are whole, cut anywhere, or have gaps."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.observation import HttpRequest, HttpResponse
from agent.wire.http import MAX_HEAD, Messages

GET = b"GET /a HTTP/1.1\r\nHost: api.livechat.com\r\nUser-Agent: curl/8\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nhost: text.com:8080\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5;x=y\r\nHTTP/\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.0 304 Not Modified\r\nContent-Length: 999\r\n\r\n"


def read(*pieces: bytes, waiting: list[str] | None = None) -> list[HttpRequest | HttpResponse]:
    messages = Messages([] if waiting is None else waiting)
    return [one for piece in pieces for one in messages.feed(piece)]


def test_requests_behind_each_other() -> None:
    first, second, third = read(GET + POST + GET)
    assert first == third == HttpRequest("GET", "api.livechat.com", "/a", "curl/8", "1.1", None)
    assert second == HttpRequest("POST", "text.com:8080", "/b", None, "1.1", None)


def test_responses_behind_each_other() -> None:
    found = read(OK + NOT_MODIFIED + CHUNKED + OK)
    assert [one.status for one in found if isinstance(one, HttpResponse)] == [200, 304, 200, 200]
    assert found[0] == HttpResponse(200, "OK", "nginx", None, "text/html")


def test_a_response_to_head_has_no_body() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    assert len(read(head + OK, waiting=["HEAD", "GET"])) == 2
    assert len(read(head + OK, waiting=["GET", "GET"])) == 1


def test_a_body_without_length_ends_where_a_segment_begins_a_new_message() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\nsome HTTP/1.1 200 OK\r\n\r\n"
    assert len(read(endless, b"HTTP/1.1 404 Not Found\r\n\r\n")) == 2


@pytest.mark.parametrize("status", [101, 200])
def test_behind_a_tunnel_nothing_is_read(status: int) -> None:
    answer = f"HTTP/1.1 {status} x\r\n\r\n".encode()
    assert len(read(answer + OK, waiting=["CONNECT"])) == 1


def test_connect_has_its_target() -> None:
    (found,) = read(b"CONNECT api.text.com:443 HTTP/1.1\r\nHost: api.text.com:443\r\n\r\n")
    assert isinstance(found, HttpRequest)
    assert found.connect_host == "api.text.com:443"


def test_behind_a_gap_in_a_body_all_goes_on() -> None:
    messages = Messages([])
    messages.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
    messages.gap(80)
    assert len(messages.feed(b"0123456789" + OK)) == 1


def test_behind_a_gap_in_a_head_the_next_message_begins_a_segment() -> None:
    messages = Messages([])
    messages.feed(GET[:20])
    messages.gap(10)
    assert not messages.feed(b"rest of something\r\n\r\n")
    assert len(messages.feed(GET)) == 1


@pytest.mark.parametrize(
    "head",
    [b"GET\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"HTTP/1.1 abc x\r\n\r\n", b"\x00\x01\r\n\r\n", b"GET /a b\r\n\r\n"],
)
def test_what_is_no_head_gives_nothing(head: bytes) -> None:
    assert not read(head)


def test_an_endless_head_is_given_up() -> None:
    messages = Messages([])
    messages.feed(b"GET / HTTP/1.1\r\n")
    for _ in range(MAX_HEAD // 1000 + 1):
        assert not messages.feed(b"x" * 1000)
    assert not messages.in_message
    assert len(messages.feed(GET)) == 1


@given(st.lists(st.sampled_from([GET, POST, OK, CHUNKED, NOT_MODIFIED]), min_size=1, max_size=6), st.integers())
def test_cut_anywhere_it_is_the_same(parts: list[bytes], seed: int) -> None:
    random, whole = Random(seed), b"".join(parts)
    cuts = sorted(random.randrange(len(whole) + 1) for _ in range(random.randrange(12)))
    pieces = [whole[a:b] for a, b in zip((0, *cuts), (*cuts, len(whole)), strict=True)]
    assert read(*pieces) == read(*parts)


@given(
    st.lists(st.binary(max_size=80) | st.sampled_from([GET[:30], OK[:40], b"\r\n\r\n", b"7fffffff\r\n"]), max_size=30)
)
def test_whatever_comes(pieces: list[bytes]) -> None:
    messages = Messages([])
    for piece in pieces:
        messages.feed(piece)
        messages.gap(len(piece))
