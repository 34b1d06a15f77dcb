"""The keys of QUIC's Initial packets, which anybody who sees them can derive (RFC 9001 §5.2, RFC 9369 §3.3)."""

from __future__ import annotations

from functools import cache, lru_cache
from hmac import digest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEPT: Final = 64
"""Connections whose keys are kept."""
V1, V2, V2_DRAFT, Q050 = 0x00000001, 0x6B3343CF, 0x709A50C4, 0x51303530
SALT_1: Final = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
SALT_2: Final = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
SALT_29: Final = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
"""Of drafts 29 to 32."""
SALT_23: Final = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
"""Of drafts 23 to 28."""
SALT_21: Final = bytes.fromhex("7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a")
"""Of drafts 21 and 22."""
_OTHERS: Final = {
    V2_DRAFT: bytes.fromhex("a707c203a59b47184a1d62ca570406ea7ae3e5d3"),  # draft-ietf-quic-v2-00
    Q050: bytes.fromhex("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"),  # Google's Q050, T050, T051
    0x54303530: bytes.fromhex("7ff579e5acd072915580304c43a2367c60488310"),
    0x54303531: bytes.fromhex("7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"),
}

Opener = tuple["Callable[[bytes], bytes]", "Callable[[bytes, bytes, bytes | None], bytes]", bytes]
"""What gives the mask of a sample, what decrypts (nonce, text, header), and the IV."""


def salts(version: int) -> tuple[bytes, ...]:
    """The salts that a version may use, the likelier first; none where it is not known."""
    if version == V1:
        return (SALT_1,)
    if version == V2:
        return (SALT_2,)
    if version >> 8 == 0xFF0000:
        draft = version & 255
        return (
            (SALT_1,) if draft >= 33 else (SALT_29,) if draft >= 29 else (SALT_23,) if draft >= 23 else
            (SALT_21,) if draft >= 22 else ()
        )  # fmt: skip
    if version >> 8 == 0xFACEB0:  # Facebook's mvfst
        return (SALT_23, SALT_21, SALT_1, SALT_29)
    if version in _OTHERS:
        return (_OTHERS[version],)
    if version & 0x0F0F0F0F == 0x0A0A0A0A:  # made up, to see whether others cope (RFC 9000 §15)
        return (SALT_1, SALT_29, SALT_23)
    return ()


def _expanded(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of TLS 1.3 (RFC 8446 §7.1), for lengths up to one hash."""
    label = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(label)]) + label + b"\x00\x01"
    return digest(secret, info, "sha256")[:length]


@cache
def wrong_key() -> type[Exception]:
    """What is raised where a packet was encrypted with another key."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - 30 ms that only QUIC needs

    return InvalidTag


@cache
def _ciphers() -> tuple[Callable[[bytes], Callable[[bytes], bytes]], Callable[[bytes], AESGCM]]:
    """What makes of a key what gives masks, and what decrypts: a statement that imports takes as long as its use."""
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415 - 30 ms that only QUIC needs
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - likewise
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415 - likewise
    from cryptography.hazmat.primitives.ciphers.modes import ECB  # noqa: PLC0415 - likewise

    mode = ECB()  # noqa: S305 - as the RFC has it
    return lambda key: Cipher(AES(key), mode).encryptor().update, AESGCM


@lru_cache(maxsize=KEPT)
def client_opener(salt: bytes, dcid: bytes) -> Opener:
    """What opens the client's Initial packets of a connection that began with this destination id."""
    masks, opens = _ciphers()
    secret = _expanded(digest(salt, dcid, "sha256"), b"client in", 32)
    word = b"quicv2 " if salt in (SALT_2, _OTHERS[V2_DRAFT]) else b"quic "
    mask = masks(_expanded(secret, word + b"hp", 16))
    return mask, opens(_expanded(secret, word + b"key", 16)).decrypt, _expanded(secret, word + b"iv", 12)
