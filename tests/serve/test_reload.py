"""Certificates, tokens and the web configuration change while clients are connected."""

from __future__ import annotations

import http.client
import ipaddress
import os
import signal
import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from agent.serve import tokens
from agent.serve.route import Scope
from tests.serve.authorities import Authority, loopback
from tests.serve.running import Running, fill, serving, until
from tests.serve.test_access import hashed

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
TLS = """\
tls_server_config:
  cert_file: server.pem
  key_file: server.key
"""
MUTUAL = f"""{TLS}\
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ours.pem
  client_crl_file: revoked.crl
"""


def test_tokens_count_and_count_no_more_on_a_living_connection(tmp_path: Path) -> None:
    fill(tmp_path)
    tokens.create(tmp_path, "first", (Scope.READ,), NOW, None)
    with serving(tmp_path) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        client.connect()
        own = client.sock.getsockname()

        def status(text: str) -> int:
            client.request("GET", "/v1/packs", headers={"Authorization": f"Bearer {text}"})
            answer = client.getresponse()
            answer.read()
            return answer.status

        text = tokens.create(tmp_path, "second", (Scope.FINDINGS,), NOW, None)
        until(lambda: status(text) == 200)
        tokens.revoke(tmp_path, "second")
        until(lambda: status(text) == 401)
        (tmp_path / tokens.FILE).write_text("{")
        server.wait_for("the old credentials and certificates stay")
        assert status(text) == 401
        assert client.sock.getsockname() == own
        client.close()


def serial(server: Running, authority: Authority) -> int:
    """The number of the certificate that a new connection is shown."""
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain,
        trust.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        return int(str((secured.getpeercert() or {})["serialNumber"]), 16)


def test_a_new_certificate_is_shown_and_old_connections_live(tmp_path: Path) -> None:
    fill(tmp_path)
    ours = Authority(tmp_path, "ours")
    first = ours.issue("server", *loopback(), server=True)
    with serving(tmp_path, web_config=TLS, scheme="https") as server:
        assert serial(server, ours) == first.serial
        trust = ssl.create_default_context(cafile=str(ours.certificate))
        client = http.client.HTTPSConnection("localhost", server.port, timeout=20, context=trust)
        client.request("GET", "/healthz")
        assert client.getresponse().read() == b"ok\n"
        own = client.sock.getsockname()
        (tmp_path / "server.pem").write_text("nonsense")
        server.wait_for("the old credentials and certificates stay")
        assert serial(server, ours) == first.serial
        second = ours.issue("server", *loopback(), server=True)
        os.kill(server.process.pid, signal.SIGHUP)
        until(lambda: serial(server, ours) == second.serial)
        client.request("GET", "/healthz")
        assert client.getresponse().read() == b"ok\n"
        assert client.sock.getsockname() == own
        client.close()


def test_a_certificate_that_is_revoked_counts_no_more_even_on_a_living_connection(tmp_path: Path) -> None:
    fill(tmp_path)
    ours = Authority(tmp_path, "ours")
    ours.issue("server", *loopback(), server=True)
    good = ours.issue("good", x509.DNSName("good"))
    ours.revoke(tmp_path / "revoked.crl")
    with serving(tmp_path, web_config=MUTUAL, scheme="https") as server:
        trust = ssl.create_default_context(cafile=str(ours.certificate))
        trust.load_cert_chain(good.certificate, good.key)
        client = http.client.HTTPSConnection("localhost", server.port, timeout=20, context=trust)

        def status() -> int:
            client.request("GET", "/v1/packs")
            answer = client.getresponse()
            answer.read()
            return answer.status

        assert status() == 200
        ours.revoke(tmp_path / "revoked.crl", good.serial)
        until(lambda: status() == 403)
        client.close()
        with pytest.raises(ConnectionError):
            server.curl("/v1/packs", "--cacert", str(ours.certificate), *good.options)


def test_a_list_of_revocation_that_ended_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    ours = Authority(tmp_path, "ours")
    ours.issue("server", x509.IPAddress(ipaddress.ip_address("127.0.0.1")), server=True)
    good = ours.issue("good")
    ours.revoke(tmp_path / "revoked.crl")
    with serving(tmp_path, web_config=MUTUAL, scheme="https") as server:
        ours.revoke(tmp_path / "revoked.crl", good.serial, until=NOW)
        server.wait_for("a list ended")
        assert server.curl("/v1/packs", "--cacert", str(ours.certificate), *good.options).status == 200


def test_users_and_rates_change(tmp_path: Path) -> None:
    fill(tmp_path)
    with serving(tmp_path, web_config=f"basic_auth_users: {{a: {hashed('x')}}}\n") as server:
        assert server.curl("/v1/packs", "-u", "a:x").status == 200
        (tmp_path / "web.yml").write_text(
            f"basic_auth_users: {{b: {hashed('y')}}}\nrate_limit: {{interval: 1h, burst: 3}}\n"
            "http_server_config: {headers: {X-Frame-Options: DENY}}\n"
        )
        server.wait_for("read again")
        assert server.curl("/v1/packs", "-u", "a:x").status == 401
        good = server.curl("/v1/packs", "-u", "b:y")
        assert (good.status, good.headers["x-frame-options"]) == (200, "DENY")
        assert server.curl("/healthz").status == 200
        refused = server.curl("/healthz")
        assert refused.status == 429
        assert 3500 < int(refused.headers["retry-after"]) <= 3600
        assert server.curl("/v1/packs", unix=True).status == 200
