"""AdGuard Home: filter lists in front of other servers (AdGuardHome.yaml, data/filters).

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

NAME: Final = "adguardhome"
PROGRAM: Final = "AdGuardHome"
DEFAULT: Final = "/opt/AdGuardHome/AdGuardHome.yaml"


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each AdGuard Home that runs or starts at boot."""
    if f"files{unit_of(PROGRAM)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(PROGRAM)))
    for program in present(snapshot, PROGRAM, DEFAULT):
        from agent.resolvers.adguardhome.views import wanted  # noqa: PLC0415 - see above

        yield from wanted(snapshot, program)


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One resolver for each."""
    programs = present(snapshot, PROGRAM, DEFAULT)
    if not programs:
        return Piece()
    from agent.resolvers.adguardhome.views import resolver  # noqa: PLC0415 - see above

    found = tuple(resolver(snapshot, one, Interest(interest)) for one in programs)
    return Piece(resolvers=found, gaps=tuple(gap for one in found for gap in one.gaps))


KIND = Kind(NAME, wants, read)
