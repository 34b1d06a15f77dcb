"""TLS as the web configuration wants it, and what a client's certificate says."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from agent.errors import ConfigError
from agent.model.record import record
from agent.serve.web_config import CURVES, SUITES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agent.serve.web_config import TlsConfig

VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
POLICIES: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
NAMES: Final = frozenset({"DNS", "email", "IP Address", "URI"})
"""The kinds of names that ``client_allowed_sans`` is compared with, as ssl calls them."""
Serial = tuple[tuple[str, ...], int]
"""Issuer and number of a certificate."""


@record
class Certificate:
    """A client's, checked by OpenSSL."""

    names: frozenset[str]
    """Its subject's alternative names."""
    serial: Serial


def context(tls: TlsConfig, folder: Path) -> ssl.SSLContext:
    """A context for one version of the configuration and its files; raises ConfigError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = VERSIONS[tls.min_version], VERSIONS[tls.max_version]
    made.set_alpn_protocols(["http/1.1"])
    # a session that goes on would not be asked for its certificate again, which may be revoked by now
    made.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    made.num_tickets = 0
    if not tls.prefer_server_cipher_suites:
        made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    certificate, key = folder / tls.cert_file, folder / tls.key_file
    _read(certificate), _read(key)
    try:
        made.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"{certificate}, {key}: {_reason(error)}") from error
    if suites := [SUITES[one] for one in tls.cipher_suites if one in SUITES]:
        made.set_ciphers(":".join(suites))
    if len(tls.curve_preferences) == 1:
        _choose_curve(made, tls.curve_preferences[0])
    made.verify_mode = POLICIES[tls.client_auth_type]
    if tls.client_ca_file is not None:
        _trust(made, folder / tls.client_ca_file)
    if tls.client_crl_file is not None:
        revoked(folder / tls.client_crl_file)
        _trust(made, folder / tls.client_crl_file)
        made.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return made


def _no_password() -> str:
    """Nobody is there to type one."""
    raise ValueError("the key is encrypted; take the password off")


def _choose_curve(made: ssl.SSLContext, name: str) -> None:
    try:
        made.set_ecdh_curve(CURVES[name])
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"curve_preferences: {name} alone cannot be chosen with this OpenSSL; leave it out"
        ) from error


def _trust(made: ssl.SSLContext, path: Path) -> None:
    _read(path)
    try:
        made.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigError(f"{path}: {_reason(error)}") from error


def _read(path: Path) -> bytes:
    """OpenSSL does not say which of its files it cannot read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _reason(error: ssl.SSLError | ValueError) -> str:
    words = {"KEY_VALUES_MISMATCH": "the key is not that of the certificate"}
    if isinstance(error, ssl.SSLError):
        said = error.reason or str(error)
        return words.get(said) or ("not in PEM form" if "PEM" in said.upper() else said.replace("_", " ").lower())
    return str(error)


def revoked(path: Path) -> frozenset[Serial]:
    """The certificates that lists of revocation name; raises ConfigError where one is none, or is out of date."""
    from cryptography import x509  # noqa: PLC0415 - 5 MiB that only those need who have such a list

    data = _read(path)
    end = b"-----END X509 CRL-----"
    lists = [part + end for part in data.split(end)[:-1]]
    if not lists:
        raise ConfigError(f"{path}: holds no list of revoked certificates in PEM form")
    found: set[Serial] = set()
    for one in lists:
        try:
            parsed = x509.load_pem_x509_crl(one)
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error
        until = parsed.next_update_utc
        if until is not None and until <= datetime.now(UTC):
            raise ConfigError(f"{path}: a list ended {until:%Y-%m-%d}: no certificate would be taken; renew it")
        issuer = tuple(str(name.value) for name in parsed.issuer)
        found.update((issuer, entry.serial_number) for entry in parsed)
    return frozenset(found)


def certificate_of(peer: Mapping[str, Any] | None) -> Certificate | None:
    """What ``getpeercert`` gives, understood; None where the client has shown none."""
    if not peer:
        return None
    names = frozenset(
        _address(value) if kind == "IP Address" else value
        for kind, value in peer.get("subjectAltName", ())
        if kind in NAMES
    )
    issuer = tuple(value for part in peer.get("issuer", ()) for _, value in part)
    return Certificate(names, (issuer, int(peer.get("serialNumber", "0"), 16)))


def _address(text: str) -> str:
    """In the usual form; OpenSSL writes addresses of IPv6 out in full."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return text
