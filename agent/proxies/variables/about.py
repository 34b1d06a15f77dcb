"""Which names of interest a word of a list is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.model.names import Interest


def domain_of(word: str) -> str:
    """The domain that somebody meant: without wildcards, dots at the ends, a port, capitals."""
    bare = word.strip().lower().partition(":")[0]
    return bare.removeprefix("*").strip(".").removesuffix(".*")


def about(word: str, interest: Interest) -> tuple[str, ...] | None:
    """The names of interest in a domain that a word means; None where there are none."""
    domain = domain_of(word)
    found = tuple(sorted(name for name in interest.names if name == domain or name.endswith("." + domain)))
    return found if found and domain else None
