"""The chain of certificates that a server shows up to TLS 1.2 (RFC 5246 §7.4.2, RFC 5280)."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.observation import Certificate, CertificateChain

if TYPE_CHECKING:
    from datetime import datetime

CERTIFICATE_LIMIT: Final = 32
"""Certificates of one chain."""
KEPT: Final = 128
"""Certificates whose reading is kept: it takes 80 µs."""


def chain(body: bytes) -> CertificateChain:
    """Decode the body of a Certificate message of TLS 1.2 and before; raises Malformed."""
    size = int.from_bytes(body[:3], "big")
    if len(body) < 3 or size + 3 > len(body):
        raise Malformed("a chain of certificates ends too early")
    found: list[Certificate] = []
    at = 3
    while at + 3 <= size + 3 and len(found) < CERTIFICATE_LIMIT:
        length = int.from_bytes(body[at : at + 3], "big")
        at += 3
        if at + length > size + 3:
            raise Malformed("a certificate is longer than the chain")
        found.append(_read(body[at : at + length]))
        at += length
    return CertificateChain(tuple(found))


@lru_cache(maxsize=KEPT)
def _read(encoded: bytes) -> Certificate:
    """What one certificate says; of one that is refused the fingerprint."""
    from cryptography import x509  # noqa: PLC0415 - 60 ms that only TLS 1.2 needs

    print_ = sha256(encoded).hexdigest()
    try:
        read = x509.load_der_x509_certificate(encoded)
        begins, ends = _time(read.not_valid_before_utc), _time(read.not_valid_after_utc)
        subject, issuer = read.subject.rfc4514_string(), read.issuer.rfc4514_string()
        return Certificate(print_, subject, issuer, f"{read.serial_number:x}", begins, ends, _names(read))
    except Exception:  # noqa: BLE001 - the library has a dozen ways to refuse what a hostile server may send
        return Certificate(print_, "", "", "", "", "", ())


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _names(read: object) -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415 - see above

    if not isinstance(read, x509.Certificate):
        return ()
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    found = [str(one.value) for one in names if isinstance(one, x509.DNSName | x509.IPAddress)]
    return tuple(one.lower() for one in found)
