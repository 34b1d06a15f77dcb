"""e2guardian 5: filter groups, lists of sites and URLs, and the storyboards that say what follows from them.

What reads it is loaded where there is one.
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

    from agent.model.proxy import Proxy
    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program

NAME: Final = "e2guardian"
DEFAULT: Final = "/etc/e2guardian/e2guardian.conf"
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each e2guardian that runs or starts at boot."""
    if f"files{unit_of(NAME)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(NAME)))
    for _, following in _found(snapshot, NONE):
        yield from following.wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One proxy for each configuration."""
    found = tuple(one for one, _ in _found(snapshot, Interest(interest)))
    return Piece(proxies=found, gaps=tuple(gap for one in found for gap in one.gaps))


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each."""
    programs = {(one.root, _file(one)): one for one in present(snapshot, NAME, DEFAULT)}
    if not programs:
        return
    from agent.proxies.e2guardian.proxy import proxy  # noqa: PLC0415 - see above

    for (_, path), program in programs.items():
        following = Following.of(snapshot, NAME, program)
        yield replace(proxy(path, following, interest), addresses=program.addresses), following


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
