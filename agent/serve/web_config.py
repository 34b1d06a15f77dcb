"""``web.config.file`` as Prometheus's exporters read it (exporter-toolkit), and ``client_crl_file`` besides.

What OpenSSL or this server cannot do is refused where security rests on it; the rest is told, in ``unheeded``.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from agent.model.limits import STRICT, Checked, Written
from agent.model.record import record
from agent.strict import parse_yaml, read_bytes, validate

if TYPE_CHECKING:
    from pathlib import Path

VERIFYING: Final = ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
HEADERS: Final = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
"""That exporter-toolkit lets an administrator set."""
SUITES: Final = {
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
}
"""Go's names of suites up to TLS 1.2, and OpenSSL's."""
MODERN: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""TLS 1.3 always has all of them, in Go as well."""
CURVES: Final = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
INTERVAL: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h))+")
HASH: Final = re.compile(r"\$2[aby]\$(0[4-9]|1[0-9])\$[./A-Za-z0-9]{53}")
"""bcrypt's; one that takes longer than 2^19 rounds nobody waits for."""


def _interval(value: Any) -> float:
    """Seconds of a duration as Go writes it."""
    if value == 0:
        return 0.0
    if not isinstance(value, str) or not INTERVAL.fullmatch(value):
        raise ValueError("must be a time like 100ms or 1m30s")
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([0-9.]+)([a-zµ]+)", value))


def _suite(text: str) -> str:
    if text not in SUITES and text not in MODERN:
        raise ValueError(f"is no cipher suite that OpenSSL has under this name: {text}")
    return text


def _version(text: str) -> str:
    if text in {"TLS10", "TLS11"}:
        raise ValueError("TLS 1.0 and 1.1 are not spoken; write TLS12 or TLS13")
    if text not in {"TLS12", "TLS13"}:
        raise ValueError("must be TLS12 or TLS13")
    return text


def _policy(text: str) -> str:
    if text in {"RequestClientCert", "RequireAnyClientCert"}:
        raise ValueError(f"{text} asks for certificates that nobody checks; write {VERIFYING[0]} or {VERIFYING[1]}")
    if text not in {"NoClientCert", *VERIFYING}:
        raise ValueError(f"must be NoClientCert, {VERIFYING[0]} or {VERIFYING[1]}")
    return text


def _users(users: dict[str, str]) -> dict[str, str]:
    for name, hashed in users.items():
        if not HASH.fullmatch(hashed):
            raise ValueError(f"the password of `{name}` must be a bcrypt hash, as `htpasswd -nBC 10 {name}` makes it")
        if not name or ":" in name:
            raise ValueError(f"a user's name is not empty and has no colon, unlike `{name}`")
    return users


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name not in HEADERS:
            raise ValueError(f"the header `{name}` cannot be set; there are {', '.join(HEADERS)}")
        if not value.isprintable():
            raise ValueError(f"the header `{name}` must be printable text")
    return headers


TlsVersion = Annotated[str, Checked(_version)]
Suite = Annotated[str, Checked(_suite)]
Policy = Annotated[str, Checked(_policy)]
Interval = Annotated[float, Written(_interval, lambda value: f"{value}s", {"type": "string"})]
Users = Annotated[dict[str, str], Checked(_users)]
Headers = Annotated[dict[str, str], Checked(_headers)]


@record(kw_only=True)
class TlsConfig:
    """``tls_server_config``; files are relative to the folder of the configuration."""

    __pydantic_config__: ClassVar = STRICT
    cert_file: str
    key_file: str
    client_auth_type: Policy = "NoClientCert"
    client_ca_file: str | None = None
    client_allowed_sans: tuple[str, ...] = ()
    client_crl_file: str | None = None
    """Ours: PEM, with a list of each issuer of ``client_ca_file``."""
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"
    cipher_suites: tuple[Suite, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[Literal["CurveP256", "CurveP384", "CurveP521", "X25519"], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what checks less than it looks like; raises ValueError."""
        verifying = self.client_auth_type in VERIFYING
        if verifying and self.client_ca_file is None:
            raise ValueError(f"client_auth_type is {self.client_auth_type}, but there is no client_ca_file")
        for name in ("client_ca_file", "client_allowed_sans", "client_crl_file"):
            if getattr(self, name) and not verifying:
                raise ValueError(f"{name} is given, but client_auth_type does not check certificates")
        if self.min_version > self.max_version:
            raise ValueError("min_version must not be above max_version")
        if self.max_version == "TLS12" and self.cipher_suites and not set(self.cipher_suites) & set(SUITES):
            raise ValueError("cipher_suites has none of TLS 1.2")


@record(kw_only=True)
class HttpConfig:
    """``http_server_config``."""

    __pydantic_config__: ClassVar = STRICT
    http2: bool | None = None
    headers: Headers = field(default_factory=dict)


@record(kw_only=True)
class RateLimit:
    """``rate_limit``: for each client, a request every ``interval``, and ``burst`` of them at once."""

    __pydantic_config__: ClassVar = STRICT
    interval: Interval = 0.0
    burst: int = 1

    def __post_init__(self) -> None:
        """Refuse a limit that lets nothing through; raises ValueError."""
        if self.burst < 1:
            raise ValueError("burst must be at least 1")


@record(kw_only=True)
class WebConfig:
    """All of it; ``WebConfig()`` is that of no file."""

    __pydantic_config__: ClassVar = STRICT
    tls_server_config: TlsConfig | None = None
    http_server_config: HttpConfig = field(default_factory=HttpConfig)
    basic_auth_users: Users = field(default_factory=dict)
    rate_limit: RateLimit | None = None


def load(path: Path) -> WebConfig:
    """The configuration of a file; raises ConfigError with file, line, key and what to do."""
    return validate(WebConfig, parse_yaml(read_bytes(path), str(path)))


def unheeded(config: WebConfig) -> tuple[str, ...]:
    """What is written there and has no effect, a sentence each."""
    found = []
    if config.http_server_config.http2:
        found.append("http_server_config.http2: only HTTP/1.1 is spoken")
    tls = config.tls_server_config
    if tls is not None and set(tls.cipher_suites) & set(MODERN):
        found.append("cipher_suites: those of TLS 1.3 are always all there")
    if tls is not None and len(tls.curve_preferences) > 1:
        found.append("curve_preferences: one alone can be chosen; of several, OpenSSL's own order stands")
    return tuple(found)


def files(tls: TlsConfig, folder: Path) -> tuple[Path, ...]:
    """All files that it names."""
    names = (tls.cert_file, tls.key_file, tls.client_ca_file, tls.client_crl_file)
    return tuple(folder / name for name in names if name)
