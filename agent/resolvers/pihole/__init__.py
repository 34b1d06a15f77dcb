"""Pi-hole: lists of names that are blocked, in front of a dnsmasq (pihole-FTL, versions 5 and 6).

What reads it is loaded where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.names import Interest
from agent.snapshot import Files, Want
from agent.snapshot.programs import present, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program

NAME: Final = "pihole"
PROGRAM: Final = "pihole-FTL"
VERSION_6: Final = "/etc/pihole/pihole.toml"
VERSION_5: Final = "/etc/pihole/setupVars.conf"


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files and the database of each Pi-hole that runs or starts at boot."""
    if f"files{unit_of(PROGRAM)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(PROGRAM)))
    for program in _present(snapshot):
        from agent.resolvers.pihole.views import wanted  # noqa: PLC0415 - see above

        yield from wanted(snapshot, program)


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One resolver for each."""
    programs = _present(snapshot)
    if not programs:
        return Piece()
    from agent.resolvers.pihole.views import resolver  # noqa: PLC0415 - see above

    found = tuple(resolver(snapshot, one, Interest(interest)) for one in programs)
    return Piece(resolvers=found, gaps=tuple(gap for one in found for gap in one.gaps))


def _present(snapshot: Snapshot) -> tuple[Program, ...]:
    return present(snapshot, PROGRAM, VERSION_6) or present(snapshot, PROGRAM, VERSION_5)


KIND = Kind(NAME, wants, read)
