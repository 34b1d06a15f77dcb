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
    family: int | None = None
    """4 or 6 where addresses of one family alone go there."""
    kept: int | None = None
    """The longest that the resolver answers from its cache without filling the set anew, in seconds; 0: it never
    does; None: as long as the answer says."""


@record
class ResolvedName:
    """A host name that a script put into a rule or a set; it was resolved when the script ran."""

    name: str
    source: Source


@record
class Mistake:
    """A line that does not mean what somebody believes."""

    what: str
    """A sentence without a full stop."""
    remedy: str
    """In the program's own words."""
    source: Source
    names: tuple[str, ...] = ()
    """The names of interest that it is about; empty: all."""
