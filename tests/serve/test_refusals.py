"""Requests that get no answer, and why."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.serve.running import TOLD, Running, fill, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("state")
    fill(folder)
    with serving(folder) as running:
        yield running


@pytest.mark.parametrize(
    ("status", "path", "options"),
    [
        (400, "/v1/findings?status=nice", ()),
        (400, "/v1/findings?status=", ()),
        (400, "/v1/findings?sverity=high", ()),
        (400, "/v1/findings?format=xml", ()),
        (400, "/v1/findings?format=json&format=json", ()),
        (400, "/v1/findings?pack=%ff", ()),
        (400, "/v1/findings?" + "&".join(["severity=low"] * 65), ()),
        (400, "/v1/events?limit=0", ()),
        (400, "/v1/events?limit=1001", ()),
        (400, "/v1/events?after=1", ()),
        (400, "/v1/history?since=yesterday", ()),
        (400, "/v1/history?since=2026-02-30T00:00:00Z", ()),
        (400, "/v1/findings", ("-H", "Host:", "-H", "X: y")),
        (404, "/v1", ()),
        (404, "/v1/findings/", ()),
        (404, "/v1/findings/../../etc/passwd", ()),
        (404, "/v1/findings/0123456789abcdef0123456789abcdef", ()),
        (404, "/v1/findings/zz", ()),
        (404, "/page/..%2fsite.py", ()),
        (404, "/page/nothing.js", ()),
        (404, "//v1/findings", ()),
        (405, "/v1/findings", ("-X", "POST")),
        (405, "/v1/findings", ("-X", "DELETE")),
        (405, "/v1/findings", ("-X", "PATCH", "-d", "{}")),
        (405, "/v1/findings", ("-X", "OPTIONS", "-H", "Origin: http://x")),
        (405, "/healthz", ("-X", "PUT")),
        (406, "/v1/findings", ("-H", "Accept: image/png")),
        (406, "/v1/findings", ("-H", "Accept: application/json;q=0, text/html")),
        (406, "/v1/packs", ("-H", "Accept: application/x-ndjson")),
        (413, "/v1/findings", ("-X", "GET", "-d", "a=b", "-H", "Content-Type:")),
        (413, "/v1/findings", ("-X", "GET", "-d", "a=b", "-H", "Content-Type:", "-H", "Transfer-Encoding: chunked")),
        (414, "/v1/findings?" + "x" * 9000, ()),
        (415, "/v1/findings", ("-X", "GET", "-d", "{}", "-H", "Content-Type: application/json")),
        (421, "/v1/findings", ("-H", "Host: evil.example")),
        (421, "/v1/findings", ("-H", "Host: localhost.evil.example:9817")),
        (421, "/v1/findings", ("-H", "Host;")),
        (421, "/v1/findings", ("--request-target", "http://evil.example/v1/findings")),
        (431, "/v1/findings", ("-H", "X: " + "x" * 9000)),
    ],
)  # fmt: skip
def test_refused(server: Running, status: int, path: str, options: tuple[str, ...]) -> None:
    answer = server.curl(path, *options)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json()
    assert told["status"] == status
    assert set(told) >= {"type", "title", "detail", "instance"}
    assert told["type"].startswith("urn:gateproof:problem:")
    assert TOLD.encode() not in answer.body
    assert not any(word in answer.body for word in (b"agent/", b"Traceback", str(server.folder).encode()))
    assert ("allow" in answer.headers) == (status == 405)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:9817", "[::1]:9817", "LOCALHOST.", "[::1]"])
def test_names_of_this_host_are_taken(server: Running, host: str) -> None:
    assert server.curl("/v1/packs", "-H", f"Host: {host}").status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBad header\r\n\r\n",
        b"GET /v1/packs HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /v1/packs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /v1/packs HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"x%d: y\r\n" % at for at in range(200)) + b"\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_gets_a_problem_and_the_end(server: Running, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(sent)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ", b"HTTP/1.0 431 ")), answer
    assert b"application/problem+json" in answer
    assert TOLD.encode() not in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1/findings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\nx",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_what_may_go_on_in_another_protocol_ends(server: Running, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(sent)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert int(answer.split()[1]) in {404, 405, 413, 505}
    assert b"100 Continue" not in answer


def test_a_client_that_has_said_all_gets_its_answer(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"GET /v1/findings HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"0\r\n\r\n")
