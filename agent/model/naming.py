"""Names in packet filters: sets that follow a name, and rules that were made from a name once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.source import Source


@record
class FilledSet:
    """A set that a resolver fills with the addresses it answers for some names."""

    name: str
    table: str
    """Family and table of nftables, ``ipset`` for an ipset."""
    domains: tuple[str, ...]
    """The names, each with all below it; ``#`` and the empty name stand for every name."""
    source: Source


@record
class ResolvedName:
    """A host name that a script put into a rule or a set; it was resolved when the script ran."""

    name: str
    source: Source
