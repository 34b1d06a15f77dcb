"""Fingerprints of client hellos: JA3 (Salesforce, 2017) and JA4 (FoxIO, 2023)."""

from __future__ import annotations

from functools import lru_cache
from hashlib import md5, sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT: Final = 512
"""Lists of numbers whose text is kept."""

GREASE: Final = frozenset(0x0A0A + 0x1010 * one for one in range(16))
"""Numbers that clients add so that servers stay tolerant (RFC 8701)."""
VERSIONS: Final = {
    0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2", 0xFEFF: "d1", 0xFEFD: "d2",
    0xFEFC: "d3",
}  # fmt: skip
NOTHING: Final = "000000000000"
"""What stands for the hash of nothing."""


def ja3(
    version: int,
    ciphers: tuple[int, ...],
    extensions: tuple[int, ...],
    groups: tuple[int, ...],
    points: tuple[int, ...],
) -> str:
    """Give the MD5 of the five lists, in hexadecimal digits."""
    text = f"{version},{_dashed(ciphers)},{_dashed(extensions)},{_dashed(groups)},{_dashed(points)}"
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def ja4(  # noqa: PLR0913, PLR0917 - the parts of a fingerprint in their order
    transport: str,
    version: int,
    ciphers: tuple[int, ...],
    extensions: Sequence[int],
    signatures: tuple[int, ...],
    alpn: Sequence[bytes],
) -> str:
    """Give the fingerprint."""
    count, first = _suites(ciphers)
    kinds = [one for one in extensions if one not in GREASE]
    # clients put them in another order each time; sorted, they are those of few makes
    second = _offers(tuple(sorted([one for one in kinds if one not in (0, 16)])), signatures)
    head = (
        f"{transport}{VERSIONS.get(version, '00')}{'d' if 0 in kinds else 'i'}"
        f"{min(count, 99):02d}{min(len(kinds), 99):02d}{_alpn(alpn[0] if alpn else b'')}"
    )
    return f"{head}_{first}_{second}"


@lru_cache(maxsize=KEPT)
def _dashed(numbers: tuple[int, ...]) -> str:
    return "-".join([str(one) for one in numbers if one not in GREASE])


@lru_cache(maxsize=KEPT)
def _suites(ciphers: tuple[int, ...]) -> tuple[int, str]:
    """How many cipher suites there are, and their hash: clients of one make have the same."""
    kept = sorted([f"{one:04x}" for one in ciphers if one not in GREASE])
    return len(kept), _hash(",".join(kept))


@lru_cache(maxsize=KEPT)
def _offers(extensions: tuple[int, ...], signatures: tuple[int, ...]) -> str:
    """The hash of extensions, sorted, and of signature algorithms."""
    text = ",".join([f"{one:04x}" for one in extensions])
    if signatures:
        text += "_" + ",".join([f"{one:04x}" for one in signatures if one not in GREASE])
    return _hash(text)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12] if text else NOTHING


def _alpn(first: bytes) -> str:
    """The first and the last character of the first protocol; of other bytes the outer hexadecimal digits."""
    if not first:
        return "00"
    one, last = first[0], first[-1]
    if one < 128 and last < 128 and chr(one).isalnum() and chr(last).isalnum():
        return chr(one) + chr(last)
    return f"{one:02x}"[0] + f"{last:02x}"[1]
