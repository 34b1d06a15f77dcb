"""Names and records as values of unbound.conf write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.intervals import as_address
from agent.model.names import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def zone_name(text: str) -> str:
    """A zone's name; empty for the root."""
    bare = text.strip().rstrip(".")
    try:
        return normalise(bare) if bare else ""
    except ValueError:
        return bare.lower()


def record_of(words: Sequence[str]) -> tuple[str, str]:
    """Type and value of ``name [ttl] [class] type value``."""
    rest = [word for word in words[1:] if not word.isdigit() and word.upper() not in ("IN", "CH", "HS")]
    return (rest[0].upper(), rest[1]) if len(rest) > 1 else (rest[0].upper() if rest else "", "")


def addresses_of(text: str, family: int) -> Iterator[tuple[int, int]]:
    """The address in the data of a tag, ``A 127.0.0.1``."""
    kind, value = record_of(["", *text.split()])
    found = as_address(value)
    if found and found[0] == family and kind == ("A" if family == 4 else "AAAA"):
        yield found
