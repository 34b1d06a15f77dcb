"""Unbound: local zones, views, tags, forwarding, response policies (unbound.conf(5)).

What reads it is loaded where there is one: that takes as long as reading two hundred rules.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.names import Interest
from agent.snapshot import Files, Want
from agent.snapshot.following import Following
from agent.snapshot.programs import present, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.resolver import Resolver
    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program

NAME: Final = "unbound"
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""
DEFAULT: Final = "/etc/unbound/unbound.conf"


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each Unbound that runs or starts at boot."""
    if f"files{unit_of(NAME)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(NAME)))
    for _, following in _found(snapshot, NONE):
        yield from following.wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One resolver for each."""
    found = tuple(resolver for resolver, _ in _found(snapshot, Interest(interest)))
    return Piece(resolvers=found, gaps=tuple(gap for one in found for gap in one.gaps))


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Resolver, Following]]:
    """The resolvers, and the files that were followed for each."""
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return
    from agent.resolvers.unbound.clauses import clauses  # noqa: PLC0415 - see above
    from agent.resolvers.unbound.views import resolver  # noqa: PLC0415

    for program in programs:
        following = Following.of(snapshot, NAME, program)
        written, gaps = clauses(_file(program), following, interest)
        found = resolver(written, following, gaps, interest)
        listeners = program.listeners or found.listeners
        yield replace(found, listeners=listeners, addresses=program.addresses), following


def _file(program: Program) -> str:
    """The file that ``-c FILE`` names."""
    arguments = program.arguments
    for at, argument in enumerate(arguments):
        if argument.startswith("-c") and len(argument) > 2:
            return argument[2:]
        if argument == "-c" and at + 1 < len(arguments):
            return arguments[at + 1]
    return DEFAULT


KIND = Kind(NAME, wants, read)
