"""dnsmasq: forwarder, hosts files and fixed answers (dnsmasq(8)).

What reads it is loaded where there is one: that takes as long as reading a hundred rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import NOBODY, Kind, Piece
from agent.model.names import Interest
from agent.snapshot import Files, Want
from agent.snapshot.programs import present, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot

NAME: Final = "dnsmasq"
DEFAULT: Final = "/etc/dnsmasq.conf"


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each dnsmasq that runs or starts at boot."""
    if f"files{unit_of(NAME)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(NAME)))
    for program in present(snapshot, NAME, DEFAULT):
        from agent.resolvers.dnsmasq.files import load  # noqa: PLC0415 - see above

        yield from load(snapshot, program, NOBODY).wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One resolver for each."""
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return Piece()
    from agent.resolvers.dnsmasq.files import load  # noqa: PLC0415 - see above
    from agent.resolvers.dnsmasq.rules import resolver  # noqa: PLC0415

    names = Interest(interest)
    found = tuple(resolver(load(snapshot, one, names), names, one) for one in programs)
    return Piece(resolvers=found, gaps=tuple(gap for one in found for gap in one.gaps))


KIND = Kind(NAME, wants, read)
