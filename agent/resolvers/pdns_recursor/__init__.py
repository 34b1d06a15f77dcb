"""PowerDNS Recursor: forwarding, served zones, response policies (pdns_recursor(1), doc.powerdns.com/recursor).

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
    from collections.abc import Iterable

    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program

NAME: Final = "pdns_recursor"
SERVICE: Final = "pdns-recursor"
DEFAULT: Final = "/etc/powerdns/recursor.conf"
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def _programs(snapshot: Snapshot) -> tuple[Program, ...]:
    return present(snapshot, NAME, DEFAULT) or present(snapshot, SERVICE, DEFAULT)


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each recursor that runs or starts at boot."""
    if f"files{unit_of(SERVICE)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(SERVICE)))
    for program in _programs(snapshot):
        from agent.resolvers.pdns_recursor.views import load  # noqa: PLC0415 - see above

        yield from load(program.arguments, Following.of(snapshot, NAME, program))


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One resolver for each."""
    programs = _programs(snapshot)
    if not programs:
        return Piece()
    from agent.resolvers.pdns_recursor.views import resolver  # noqa: PLC0415 - see above

    found = []
    for program in programs:
        one = resolver(program.arguments, Following.of(snapshot, NAME, program), Interest(interest))
        found.append(replace(one, listeners=program.listeners or one.listeners, addresses=program.addresses))
    return Piece(resolvers=tuple(found), gaps=tuple(gap for one in found for gap in one.gaps))


KIND = Kind(NAME, wants, read)
