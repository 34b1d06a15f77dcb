"""Knot Resolver: policies, views, hints (kresd(8), knot-resolver.readthedocs.io).

What reads it is loaded where there is one: that takes as long as reading two hundred rules.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.names import Interest
from agent.snapshot import Files, Status, Want
from agent.snapshot.following import Following
from agent.snapshot.programs import Program, present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot

NAME: Final = "kresd"
UNIT: Final = "/etc/systemd/system/kresd.target.wants/kresd@1.service"
"""The link by which systemd starts the first instance at boot."""
DEFAULT: Final = "/etc/knot-resolver/kresd.conf"
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def _programs(snapshot: Snapshot) -> tuple[Program, ...]:
    """Those that run, instances that are alike as one, else the one that starts at boot."""
    enabled = snapshot.get(f"files{UNIT}").status is Status.OK
    found = present(snapshot, NAME, DEFAULT) or ((Program(NAME, 0, (NAME,)),) if enabled else ())
    return tuple({(one.arguments, one.listeners, one.addresses): one for one in found}.values())


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each resolver that runs or starts at boot."""
    if f"files{UNIT}" not in snapshot.artifacts:
        yield Want("files", Files(UNIT))
    for program in _programs(snapshot):
        from agent.resolvers.knot_resolver.views import load  # noqa: PLC0415 - see above

        yield from load(program.arguments, Following.of(snapshot, NAME, program))


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One resolver for each."""
    programs = _programs(snapshot)
    if not programs:
        return Piece()
    from agent.resolvers.knot_resolver.views import resolver  # noqa: PLC0415 - see above

    found = []
    for program in programs:
        one = resolver(program.arguments, Following.of(snapshot, NAME, program), Interest(interest))
        found.append(replace(one, listeners=program.listeners or one.listeners, addresses=program.addresses))
    return Piece(resolvers=tuple(found), gaps=tuple(gap for one in found for gap in one.gaps))


KIND = Kind(NAME, wants, read)
