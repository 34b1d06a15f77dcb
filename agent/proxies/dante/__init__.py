"""Dante's SOCKS server: client rules, socks rules, routes (danted.conf(5)).

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

NAME: Final = "dante"
PROGRAMS: Final = (("danted", "/etc/danted.conf"), ("sockd", "/etc/sockd.conf"))
"""Debian's name and the authors', with the file that each reads unless told otherwise."""
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The file of each Dante that runs or starts at boot."""
    for program, _ in PROGRAMS:
        if f"files{unit_of(program)}" not in snapshot.artifacts:
            yield Want("files", Files(unit_of(program)))
    for _, following in _found(snapshot, NONE):
        yield from following.wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One proxy for each file."""
    found = tuple(one for one, _ in _found(snapshot, Interest(interest)))
    return Piece(proxies=found, gaps=tuple(gap for one in found for gap in one.gaps))


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each; its many processes share one."""
    programs = {
        (program.root, _file(program, default)): program
        for name, default in PROGRAMS
        for program in present(snapshot, name, default)
        if not _is_child(program)
    }
    if not programs:
        return
    from agent.proxies.dante.rules import interfaces, proxy  # noqa: PLC0415 - see above

    for (root, path), program in programs.items():
        following = Following.of(snapshot, NAME, program)
        found = proxy(path, following, interest, {} if root else interfaces(snapshot))
        yield replace(found, addresses=program.addresses), following


def _is_child(program: Program) -> bool:
    """Whether it calls itself ``danted: request-child`` and the like: the rest of its arguments is lost."""
    return bool(program.arguments) and program.arguments[0].startswith(f"{program.name}: ")


def _file(program: Program, default: str) -> str:
    """The file that ``-f FILE`` names."""
    arguments = program.arguments
    for at, argument in enumerate(arguments):
        if argument.startswith("-f") and len(argument) > 2:
            return argument[2:]
        if argument == "-f" and at + 1 < len(arguments):
            return arguments[at + 1]
    return default


KIND = Kind(NAME, wants, read)
