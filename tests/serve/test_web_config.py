"""Prometheus's ``web.config.file``, read as strictly as everything that people write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.errors import ConfigError
from agent.serve import certificates, web_config
from tests.serve.authorities import Authority, loopback

if TYPE_CHECKING:
    from pathlib import Path

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
FULL = f"""\
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ours.pem
  client_allowed_sans: [monitor.example, 192.0.2.7]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: true
  curve_preferences: [CurveP256, X25519]
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: {HASH}
rate_limit:
  interval: 1m30s
  burst: 20
"""


def read(folder: Path, text: str) -> web_config.WebConfig:
    path = folder / "web.yml"
    path.write_text(text)
    return web_config.load(path)


def test_all_that_the_exporters_know_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, FULL)
    assert found.tls_server_config is not None
    assert found.tls_server_config.client_allowed_sans == ("monitor.example", "192.0.2.7")
    assert (found.rate_limit.interval, found.rate_limit.burst) == (90.0, 20) if found.rate_limit else False
    assert found.basic_auth_users == {"alice": HASH}
    assert [one.partition(":")[0] for one in web_config.unheeded(found)] == [
        "http_server_config.http2",
        "cipher_suites",
        "curve_preferences",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("tls_server_confg: {}", "line 1: unknown key `tls_server_confg`; did you mean `tls_server_config`?"),
        ("tls_server_config:\n  cert_file: a", "key_file"),
        ("tls_server_config:\n  cert_file: a\n  key_file: b\n  client_auth_type: RequireAnyClientCert", "line 4"),
        ("tls_server_config: {cert_file: a, key_file: b, client_auth_type: Sometimes}", "must be NoClientCert"),
        ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "does not check certificates"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}",
            "no client_ca_file",
        ),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}", "TLS 1.0 and 1.1 are not spoken"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}", "above max_version"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [RC4]}", "no cipher suite"),
        ("basic_auth_users: {alice: secret}", "must be a bcrypt hash"),
        ("basic_auth_users:\n  alice: x\n  alice: y", "given twice"),
        ("rate_limit: {interval: fast}", "must be a time like 100ms"),
        ("rate_limit: {interval: 1s, burst: 0}", "burst must be at least 1"),
        ("http_server_config: {headers: {Server: x}}", "cannot be set"),
        ('http_server_config: {headers: {X-Frame-Options: "a\\r\\nb"}}', "printable"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/web.yml")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value).replace("alice: secret", "")


def test_files_of_tls_are_checked(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    ours.issue("server", *loopback(), server=True)
    ours.issue("other", server=True)
    (tmp_path / "none.pem").write_text("nonsense")
    config = read(tmp_path, FULL).tls_server_config
    assert config is not None
    certificates.context(config, tmp_path)
    for change, words in (
        ("cert_file: missing.pem", "missing.pem: cannot be read: No such file"),
        ("cert_file: none.pem", "not in PEM form"),
        ("key_file: other.key", "the key is not that of the certificate"),
        ("client_ca_file: none.pem", "none.pem"),
    ):
        key = change.partition(":")[0]
        lines = [f"  {change}" if line.strip().startswith(key) else line for line in FULL.splitlines()]
        changed = read(tmp_path, "\n".join(lines)).tls_server_config
        assert changed is not None
        with pytest.raises(ConfigError, match=words):
            certificates.context(changed, tmp_path)
