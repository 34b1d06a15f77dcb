"""Everything that decoding ever loads, loaded: behind the filter of system calls no file can be opened."""

from __future__ import annotations

import base64
import importlib
import pkgutil
from contextlib import suppress
from typing import Final

from cryptography.exceptions import InvalidTag

from agent import observe, wire
from agent.errors import GateproofError
from agent.observe import issuers
from agent.wire import certificates
from agent.wire.quic_keys import SALT_1, SALT_2, client_opener

MODULES: Final = (
    "cryptography.x509.certificate_transparency",
    "cryptography.x509.ocsp",
    "encodings.idna",
    "encodings.latin_1",
)
CERTIFICATE: Final = (
    "MIICcDCCAhagAwIBAgIBATAKBggqhkjOPQQDAjAuMRUwEwYDVQQDDAx3YXJtLmV4YW1wbGUxFTATBgNVBAoMDFfDpHJtZSwgTHRkLjAeFw0yNj"
    "AxMDEwMDAwMDBaFw0yNzAxMDEwMDAwMDBaMC4xFTATBgNVBAMMDHdhcm0uZXhhbXBsZTEVMBMGA1UECgwMV8Okcm1lLCBMdGQuMFkwEwYHKoZI"
    "zj0CAQYIKoZIzj0DAQcDQgAEWvceTa93kuuxaspTZRGzg0uYzzLfZgRvb7Vi7RffBrbx2zAs2FWuX29fJIzLhJzeRF0s2sAYghOLWPQLNADn9a"
    "OCASMwggEfMEQGA1UdEQQ9MDuCDHdhcm0uZXhhbXBsZYcEwAACAYEOYUB3YXJtLmV4YW1wbGWGFWh0dHBzOi8vd2FybS5leGFtcGxlLzAMBgNV"
    "HRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATAdBgNVHQ4EFgQUzCMDl7fn3OlBpsfFvb4jNw5/B/gwHwYDVR"
    "0jBBgwFoAUzCMDl7fn3OlBpsfFvb4jNw5/B/gwEwYDVR0gBAwwCjAIBgZngQwBAgEwLAYIKwYBBQUHAQEEIDAeMBwGCCsGAQUFBzABhhBodHRw"
    "Oi8vby5leGFtcGxlMCEGA1UdHwQaMBgwFqAUoBKGEGh0dHA6Ly9jLmV4YW1wbGUwCgYIKoZIzj0EAwIDSAAwRQIgSXF5yhfrZG+BRxa83BvbEa"
    "b5DV0JDbJ+fNGBReikN6sCIQCXp1yNFaWj46OGXkDsNylN4kW+qWclFy3iEmRF2yB/pw=="
)
"""Of nobody, with what certificates of web servers have; its key is lost."""


def warm() -> None:
    """Load it, and let what loads more when it is used first be used."""
    for package in (wire, observe):
        for one in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(one.name)
    for name in MODULES:
        importlib.import_module(name)
    encoded = base64.b64decode(CERTIFICATE)
    length = len(encoded).to_bytes(3, "big")
    shown = certificates.chain((len(encoded) + 3).to_bytes(3, "big") + length + encoded)
    if "warm.example" not in shown.chain[0].san:  # in there every error is one of the certificate's
        raise GateproofError("the library for certificates cannot be used: install python3-cryptography anew")
    issuers.interception(shown, "warm.example")
    for salt in (SALT_1, SALT_2):
        mask, decrypt, iv = client_opener(salt, bytes(8))
        mask(bytes(16))
        with suppress(InvalidTag):
            decrypt(iv, bytes(64), b"")
