"""BIND: views, access lists, zones, forwarding, response policies (named.conf(5), version 9.18).

What reads it is loaded where there is one, as it is long.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.names import Interest
from agent.snapshot import Files, Want
from agent.snapshot.following import Following
from agent.snapshot.programs import present, running, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.network import Listener
    from agent.model.resolver import Resolver
    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program

NAME: Final = "named"
NONE: Final = Interest({"invalid"})
"""Zones are named whatever the names of interest are."""
DEFAULT: Final = "/etc/bind/named.conf"


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each named that runs or starts at boot."""
    if f"files{unit_of(NAME)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(NAME)))
    for program in present(snapshot, NAME, DEFAULT):
        from agent.resolvers.bind.configuration import configuration  # noqa: PLC0415 - see above

        following = Following.of(snapshot, NAME, program)
        for path in configuration(program.arguments, following, NONE).files:
            following.file(path)
        yield from following.wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One resolver for each."""
    found = tuple(_resolvers(snapshot, Interest(interest)))
    return Piece(resolvers=found, gaps=tuple(gap for one in found for gap in one.gaps))


def _resolvers(snapshot: Snapshot, interest: Interest) -> Iterator[Resolver]:
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return
    from agent.resolvers.bind.resolver import resolver  # noqa: PLC0415 - see above

    for program in programs:
        following = Following.of(snapshot, NAME, program)
        found = resolver(program.arguments, snapshot, following, interest)
        listeners = program.listeners or tuple(_free(found.listeners, running(snapshot)))
        yield replace(found, listeners=listeners, addresses=program.addresses)


def _free(listeners: Iterable[Listener], others: Iterable[Program]) -> Iterator[Listener]:
    """Where a named that starts at boot will listen: clients ask others that have its port now."""
    taken = {one.port for other in others for one in other.listeners if not _is_loopback(one.address)}
    return (one for one in listeners if one.port not in taken)


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


KIND = Kind(NAME, wants, read)
