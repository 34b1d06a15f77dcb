"""Secrets never get into a snapshot, and lines stay where they are."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent.snapshot.redact import redact, redact_arguments

SECRET = st.text(alphabet="abcdefghijkXYZ0123456789+_.!", min_size=6, max_size=20).map(lambda text: f"s3{text}")
FORMS = (
    "http_proxy=http://user:{}@proxy.example:3128/",
    'Acquire::http::Proxy "http://user:{}@proxy:3128";',
    "password = {}",
    "api_key: {}",
    "PrivateKey = {}",
    "export TOKEN={}",
    'pwhash = "{}"',
    '{{"password": "{}"}}',
    '{{"token": "", "user": "{{}}", "password": "{}"}}',
    "password = a; token = {}",
    r'{{"password": "a\\\"{}"}}',
    "password: 'it''s {}'",
    "  - password: '{}'",
    "BasicAuth user {}",
    "cachemgr_passwd {} all",
    "cache_peer parent.example parent 3128 0 login=user:{} default",
    "    user admin insecure-password {}",
    "    user admin password {} groups x",
    'upstream http user:{}@proxy.example:3128 ".example.org"',
    "forward-socks5t / user:{}@10.0.0.1:1080 .",
    " neighbor 192.0.2.1 password {}",
    'protocol bgp a {{ password "{}"; }}',
    'key "rndc" {{ algorithm hmac-sha256; secret "{}"; }};',
    'proxy_set_header Authorization "Basic {}";',
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
)


@given(SECRET, st.sampled_from(FORMS))
def test_a_secret_does_not_survive(secret: str, form: str) -> None:
    before = f"first\n{form.format(secret)}\nlast\n"
    after = redact(before.encode()).decode()
    assert secret not in after
    assert after.count("\n") == before.count("\n")
    assert after.startswith("first\n")
    assert after.endswith("last\n")


HARMLESS = (
    *("127.0.0.1 localhost\n", "-A FORWARD -d 23.32.0.0/11 -j DROP\n", "# password: none\n"),
    *("0.0.0.0 password.example secret.example\n", "acl users proxy_auth REQUIRED\n"),
    *("cache_peer p parent 3128 0 login=PASSTHRU\n", "forward / proxy.example:8080\n"),
)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text.encode()).decode() == text


DOCUMENTS: tuple[tuple[str, object], ...] = (
    ("password: $2a$10$abc", {"password": "***"}),
    (
        "users:\n  - name: a\n    password: $2a$10$abc\nhttp: 1",
        {"users": [{"name": "a", "password": "***"}], "http": 1},
    ),
    ('token: ""', {"token": ""}),
    (
        "tls:\n  private_key: |-\n    -----BEGIN PRIVATE KEY-----\n    MIIE\n    -----END PRIVATE KEY-----\nport: 1",
        {"tls": {"private_key": "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----"}, "port": 1},
    ),
)


@pytest.mark.parametrize(("before", "after"), DOCUMENTS)
def test_documents_can_still_be_read(before: str, after: object) -> None:
    assert yaml.safe_load(redact(before.encode())) == after


def test_arguments() -> None:
    given_ = ("squid", "--password", "hunter2", "--token=abc", "http://u:p@h/", "-f", "/etc/x")
    assert redact_arguments(given_) == ["squid", "--password", "***", "--token=***", "http://***@h/", "-f", "/etc/x"]
