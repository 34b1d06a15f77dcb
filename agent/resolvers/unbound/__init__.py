"""Unbound: local zones, views, tags, forwarding, response policies (unbound.conf(5)).

What reads it is loaded where there is one: that takes as long as reading two hundred rules.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import of_programs
from agent.snapshot.following import Following
from agent.snapshot.programs import present

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.model.resolver import Resolver
    from agent.snapshot import Snapshot

NAME: Final = "unbound"
DEFAULT: Final = "/etc/unbound/unbound.conf"


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Resolver, Following]]:
    """The resolvers, and the files that were followed for each."""
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return
    from agent.resolvers.unbound.clauses import clauses  # noqa: PLC0415 - see above
    from agent.resolvers.unbound.views import resolver  # noqa: PLC0415

    for program in programs:
        following = Following.of(snapshot, NAME, program)
        written, gaps = clauses(program.option("-c", DEFAULT), following, interest)
        found = resolver(written, following, gaps, interest)
        listeners = program.listeners or found.listeners
        yield replace(found, listeners=listeners, addresses=program.addresses), following


KIND = of_programs(NAME, (NAME,), _found)
