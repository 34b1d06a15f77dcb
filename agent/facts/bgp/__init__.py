"""BGP sessions of routing daemons here: FRR's bgpd and BIRD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.kind import Kind, Piece
from agent.model.source import Gap, Source
from agent.snapshot import Files, Want
from agent.snapshot.following import Following
from agent.snapshot.programs import present, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.routing import BgpSession
    from agent.snapshot import Snapshot

FRR: Final = ("/etc/frr/frr.conf", "/etc/frr/bgpd.conf")
BIRD: Final = "/etc/bird/bird.conf"
PROGRAMS: Final = (("bgpd", FRR[0]), ("bird", BIRD))
"""Program, and its configuration."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each daemon that runs or starts at boot."""
    for program, default in PROGRAMS:
        if f"files{unit_of(program)}" not in snapshot.artifacts:
            yield Want("files", Files(unit_of(program)))
        if present(snapshot, program, default):
            following = Following(snapshot, program)
            _sessions(program, following)
            yield from following.wants


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """The sessions with other networks; what cannot be read is a gap."""
    found: list[BgpSession] = []
    gaps: list[Gap] = []
    for program, default in PROGRAMS:
        if present(snapshot, program, default):
            following = Following(snapshot, program)
            try:
                found += _sessions(program, following)
            except Malformed as error:
                gaps.append(Gap(program, str(error), Source(f"files{default}", "", error.line)))
            gaps += following.gaps
    return Piece(bgp=tuple(found), gaps=tuple(gaps))


def _sessions(program: str, following: Following) -> list[BgpSession]:
    if program == "bird":
        from agent.facts.bgp import bird  # noqa: PLC0415 - few hosts have one

        return list(bird.sessions(following, BIRD))
    from agent.facts.bgp import frr  # noqa: PLC0415 - likewise

    return [one for path in FRR if (file := following.file(path)) is not None for one in frr.sessions(file)]


KIND = Kind("bgp", wants, read)
