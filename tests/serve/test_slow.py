"""Clients that are slow, many, or gone."""

from __future__ import annotations

import contextlib
import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from agent.serve.limits import Ceilings
from tests.serve.authorities import Authority, loopback
from tests.serve.running import SOON, fill, inside, until

if TYPE_CHECKING:
    from pathlib import Path


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=SOON)


def rest(client: socket.socket) -> bytes:
    """All that comes until the other side ends it."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(1 << 16):
            found += part
    return found


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_who_sends_no_request_is_dropped(tmp_path: Path, sent: bytes) -> None:
    with inside(tmp_path, Ceilings(header=0.2)) as (port, site), connected(port) as client:
        client.sendall(sent)
        assert rest(client) == b""
        until(lambda: site.counters.rejected["slow"] == 1)


def test_a_head_that_trickles_in_is_dropped(tmp_path: Path) -> None:
    with inside(tmp_path, Ceilings(header=0.5)) as (port, site), connected(port) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        client.settimeout(0.1)
        began = datetime.now(UTC)
        while True:  # a byte at a time, for ever
            try:
                client.sendall(b"G")
                if client.recv(1) == b"":
                    break
            except TimeoutError:
                assert (datetime.now(UTC) - began).total_seconds() < SOON
            except ConnectionError:
                break
        assert site.counters.rejected["slow"] == 1


def test_who_does_not_read_is_dropped(tmp_path: Path) -> None:
    fill(tmp_path, [f"n{number}" for number in range(20_000)])
    with inside(tmp_path, Ceilings(response=0.5)) as (port, site), connected(port) as client:
        client.sendall(b"GET /v1/findings HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: site.counters.rejected["slow"] >= 1)
        assert not rest(client).endswith(b"0\r\n\r\n")  # half an answer does not look like a whole one
        with connected(port) as other:
            other.sendall(b"GET /v1/packs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert rest(other).startswith(b"HTTP/1.1 200")


def test_there_is_a_ceiling_and_places_are_given_back(tmp_path: Path) -> None:
    with inside(tmp_path, Ceilings(connections=3)) as (port, site):
        for _ in range(3):
            held = [connected(port) for _ in range(3)]
            for client in held:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
            with connected(port) as one_more:
                assert rest(one_more).startswith(b"HTTP/1.1 503")
            for client in held:
                client.close()
            until(lambda: not site.counters.connections)
        assert site.counters.rejected["connections"] == 3


def test_one_client_cannot_take_all_places(tmp_path: Path) -> None:
    with inside(tmp_path, Ceilings(per_client=2)) as (port, site):
        held = [connected(port) for _ in range(2)]
        with connected(port) as one_more:
            assert rest(one_more).startswith(b"HTTP/1.1 503")
        for client in held:
            client.close()
        assert site.counters.rejected["client_connections"] == 1


def test_a_handshake_that_never_ends_gives_its_place_back(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    ours.issue("server", *loopback(), server=True)
    (tmp_path / "web.yml").write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}\n")
    limits = Ceilings(connections=1, handshake=0.3)
    with inside(tmp_path, limits, tmp_path / "web.yml") as (port, site):
        with connected(port) as silent:
            assert rest(silent) == b""
        until(lambda: site.counters.rejected["handshake"] == 1)
        trust = ssl.create_default_context(cafile=str(ours.certificate))
        with trust.wrap_socket(connected(port), server_hostname="localhost") as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert rest(client).endswith(b"ok\n")
