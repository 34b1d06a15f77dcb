"""dnsmasq: forwarder, hosts files and fixed answers (dnsmasq(8))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.names import Interest
from agent.resolvers.dnsmasq.files import DEFAULT, load
from agent.resolvers.dnsmasq.read import resolver
from agent.snapshot import Files, Want
from agent.snapshot.programs import present, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot


NAME: Final = "dnsmasq"
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each dnsmasq that runs or starts at boot."""
    if f"files{unit_of(NAME)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(NAME)))
    for program in present(snapshot, NAME, DEFAULT):
        yield from load(snapshot, program.arguments, NONE).wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One resolver for each."""
    names = Interest(interest)
    found = tuple(
        resolver(load(snapshot, program.arguments, names), names, program.listeners)
        for program in present(snapshot, NAME, DEFAULT)
    )
    return Piece(resolvers=found, gaps=tuple(gap for one in found for gap in one.gaps))


KIND = Kind(NAME, wants, read)
