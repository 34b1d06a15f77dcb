"""Dante's SOCKS server: client rules, socks rules, routes (danted.conf(5)).

What reads it is loaded where there is one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import of_programs
from agent.snapshot.following import Following
from agent.snapshot.programs import present

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.model.proxy import Proxy
    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program

NAME: Final = "dante"
PROGRAMS: Final = (("danted", "/etc/danted.conf"), ("sockd", "/etc/sockd.conf"))
"""Debian's name and the authors', with the file that each reads unless told otherwise."""


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each; its many processes share one."""
    programs = {
        (program.root, program.option("-f", default)): program
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


KIND = of_programs(NAME, tuple(program for program, _ in PROGRAMS), _found)
