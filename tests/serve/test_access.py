"""Every route with every kind of credential: the right status, and no data where there should be none."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import bcrypt
import pytest
from cryptography import x509

from agent.serve import tokens
from agent.serve.route import Route, Scope
from agent.serve.routes import TABLE
from tests.serve.authorities import Authority
from tests.serve.running import TOLD, Running, fill, serving
from tests.serve.test_routes import filled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime.now(UTC)
USER, PASSWORD = "prometheus", "correct horse"
"""Of a user of web.config.file."""
LOOPBACK = ipaddress.ip_address("127.0.0.1")
COMMAND = (sys.executable, "-m", "agent", "serve")


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@dataclass
class Guarded:
    """A server, and credentials for it: name to options of curl."""

    server: Running
    credentials: dict[str, tuple[str, ...]]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """With tokens and a user, without TLS."""
    folder = tmp_path_factory.mktemp("state")
    fill(folder)
    made = {
        name: tokens.create(folder, name, scopes, NOW - timedelta(days=2), lasts)
        for name, scopes, lasts in (
            ("findings", (Scope.FINDINGS,), timedelta(days=90)),
            ("metrics", (Scope.METRICS,), None),
            ("read", (Scope.READ,), None),
            ("expired", (Scope.READ,), timedelta(days=1)),
            ("revoked", (Scope.READ,), None),
        )
    }
    tokens.revoke(folder, "revoked")
    found: dict[str, tuple[str, ...]] = {name: ("-H", f"Authorization: Bearer {text}") for name, text in made.items()}
    found |= {
        "none": (),
        "wrong": ("-H", f"Authorization: Bearer {made['read'][:-1]}"),
        "empty": ("-H", "Authorization: Bearer "),
        "unknown scheme": ("-H", f"Authorization: Digest {made['read']}"),
        "user": ("-u", f"{USER}:{PASSWORD}"),
        "wrong password": ("-u", f"{USER}:wrong"),
        "wrong user": ("-u", f"nobody:{PASSWORD}"),
        "no base64": ("-H", "Authorization: Basic !!!"),
    }
    with serving(folder, web_config=f"basic_auth_users:\n  {USER}: {hashed(PASSWORD)}\n") as server:
        yield Guarded(server, found)


EXPECTED: dict[str, int | dict[Scope, int]] = {
    "none": 401,
    "wrong": 401,
    "empty": 401,
    "unknown scheme": 401,
    "expired": 401,
    "revoked": 401,
    "wrong password": 401,
    "wrong user": 401,
    "no base64": 401,
    "findings": {Scope.FINDINGS: 200, Scope.METRICS: 403},
    "metrics": {Scope.FINDINGS: 403, Scope.METRICS: 200},
    "read": 200,
    "user": 200,
}


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda one: str(one.path))
@pytest.mark.parametrize("credential", EXPECTED)
def test_every_route_with_every_credential(plain: Guarded, route: Route, credential: str) -> None:
    path = filled(plain.server, route.path)
    answer = plain.server.curl(path, *plain.credentials[credential])
    expected = EXPECTED[credential]
    if route.scope is None:
        assert answer.status in {200, 404}
        assert TOLD.encode() not in answer.body
        return
    assert answer.status == (expected if isinstance(expected, int) else expected[route.scope])
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert TOLD.encode() not in answer.body
        assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("route", [one for one in TABLE.routes if one.versioned], ids=lambda one: str(one.path))
def test_a_tag_is_no_credential(plain: Guarded, route: Route) -> None:
    path = filled(plain.server, route.path)
    tag = plain.server.curl(path, *plain.credentials["read"]).headers["etag"]
    assert plain.server.curl(path, "-H", f"If-None-Match: {tag}").status == 401


def test_the_reasons_are_for_those_who_may_read(tmp_path: Path) -> None:
    text = tokens.create(tmp_path, "one", (Scope.METRICS,), NOW, None)
    with serving(tmp_path) as server:
        assert server.curl("/readyz").json() == {"ready": False, "reasons": []}
        assert server.curl("/readyz", "-H", f"Authorization: Bearer {text}").json()["reasons"]


def test_nobody_may_read_when_the_last_token_is_revoked(tmp_path: Path) -> None:
    fill(tmp_path)
    tokens.create(tmp_path, "one", (Scope.READ,), NOW, None)
    tokens.revoke(tmp_path, "one")
    with serving(tmp_path) as server:
        assert server.curl("/v1/findings").status == 401


@dataclass
class Mutual:
    """A server that wants certificates."""

    server: Running
    clients: dict[str, tuple[str, ...]]
    authority: Authority


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutual]:
    folder = tmp_path_factory.mktemp("state")
    fill(folder)
    yield from _mutual(folder)


def _mutual(folder: Path) -> Iterator[Mutual]:
    ours, others = Authority(folder, "ours"), Authority(folder, "others")
    ours.issue("server", x509.DNSName("localhost"), x509.IPAddress(LOOPBACK), server=True)
    revoked = ours.issue("revoked", x509.DNSName("monitor.example"))
    ours.revoke(folder / "revoked.crl", revoked.serial)
    clients = {
        "good": ours.issue("good", x509.DNSName("monitor.example")).options,
        "of another authority": others.issue("strange", x509.DNSName("monitor.example")).options,
        "of another name": ours.issue("other", x509.DNSName("other.example")).options,
        "revoked": revoked.options,
        "none": (),
    }
    config = """\
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ours.pem
  client_allowed_sans: [monitor.example]
  client_crl_file: revoked.crl
"""
    with serving(folder, web_config=config, scheme="https") as server:
        yield Mutual(server, {name: ("--cacert", str(ours.certificate), *one) for name, one in clients.items()}, ours)


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda one: str(one.path))
@pytest.mark.parametrize("client", ["good", "of another authority", "of another name", "revoked", "none"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_every_route_with_every_certificate(mutual: Mutual, route: Route, client: str, version: str) -> None:
    path = filled(mutual.server, route.path)
    options = (*mutual.clients[client], f"--tlsv{version}", "--tls-max", version)
    if client in {"of another authority", "revoked", "none"}:
        with pytest.raises(ConnectionError):  # not even a handshake
            mutual.server.curl(path, *options)
        return
    answer = mutual.server.curl(path, *options)
    if route.scope is None:
        assert answer.status in {200, 404}
        return
    assert answer.status == (200 if client == "good" else 403)
    assert (TOLD.encode() in answer.body) <= (client == "good")


def test_a_token_stands_for_a_certificate_where_that_may_be_missing(tmp_path: Path) -> None:
    fill(tmp_path)
    ours = Authority(tmp_path, "ours")
    ours.issue("server", x509.IPAddress(LOOPBACK), server=True)
    good = ours.issue("good").options
    text = tokens.create(tmp_path, "one", (Scope.FINDINGS,), NOW, None)
    config = """\
tls_server_config: {cert_file: server.pem, key_file: server.key, client_ca_file: ours.pem,
  client_auth_type: VerifyClientCertIfGiven}
"""
    with serving(tmp_path, web_config=config, scheme="https") as server:
        trust = ("--cacert", str(ours.certificate))
        assert server.curl("/v1/findings", *trust).status == 401
        assert server.curl("/v1/findings", *trust, *good).status == 200
        assert server.curl("/v1/findings", *trust, "-H", f"Authorization: Bearer {text}").status == 200
        assert server.curl("/v1/findings", *trust, *good, "-H", "Authorization: Bearer x").status == 401


def test_other_addresses_take_tls(tmp_path: Path) -> None:
    done = subprocess.run(
        (*COMMAND, "--state-dir", str(tmp_path), "--listen", "0.0.0.0:0"), capture_output=True, text=True, check=False
    )
    assert (done.returncode, "take TLS" in done.stderr) == (2, True)
