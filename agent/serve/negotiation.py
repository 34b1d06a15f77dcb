"""Which representation a client wants, and whether it has it already (RFC 9110, sections 8.8, 12.5 and 13.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PARTS: Final = 64
"""Items of a header that are looked at; more than that means nobody any good."""
QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def best(header: str | None, offered: Sequence[str]) -> str | None:
    """The media type that an Accept header likes best, the first of several; None where it takes none of them."""
    if header is None or not header.strip():
        return offered[0]
    wanted = _weighted(header)
    found = max(offered, key=lambda media: (_quality(media, wanted), -offered.index(media)))
    return found if _quality(found, wanted) > 0 else None


def _quality(media: str, wanted: Mapping[str, float]) -> float:
    """That of the most specific range that matches; parameters of media types make no difference."""
    for one in (media, f"{media.partition('/')[0]}/*", "*/*"):
        if one in wanted:
            return wanted[one]
    return 0


def takes_gzip(header: str | None) -> bool:
    """Whether an Accept-Encoding header has gzip, and likes it as much as no coding at all."""
    if not header:
        return False
    wanted = _weighted(header)
    gzip = wanted.get("gzip", wanted.get("x-gzip", wanted.get("*", 0.0)))
    return gzip > 0 and gzip >= wanted.get("identity", 0.0)


def _weighted(header: str) -> Mapping[str, float]:
    """What is accepted, and how much; of what is named twice, the higher counts."""
    found: dict[str, float] = {}
    for part in header.split(",", PARTS)[:PARTS]:
        name, *parameters = (one.strip() for one in part.lower().split(";"))
        weight = next((one[2:].strip() for one in parameters if one.startswith("q=")), "1")
        if name:
            found[name] = max(found.get(name, 0.0), float(weight) if QUALITY.fullmatch(weight) else 0.0)
    return found


def has_already(header: str, tag: str) -> bool:
    """Whether an If-None-Match header names this tag; the comparison is weak (RFC 9110, section 13.1.2)."""
    return header == tag or tag in TAG.findall(header)
