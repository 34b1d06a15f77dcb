"""Dante's SOCKS server: client rules, socks rules, routes (danted.conf(5)).

What reads it is loaded where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import of_programs
from agent.snapshot.programs import present, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.model.proxy import Proxy
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following
    from agent.snapshot.programs import Program

NAME: Final = "dante"
PROGRAMS: Final = {"danted": "/etc/danted.conf", "sockd": "/etc/sockd.conf"}
"""Debian's name and the authors', with the file that each reads unless told otherwise."""


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    """Many processes share a file; those that call themselves ``danted: request-child`` have lost their arguments."""
    return {
        (one.addresses, one.option("-f", default)): one
        for name, default in PROGRAMS.items()
        for one in present(snapshot, name, default)
        if not one.arguments or not one.arguments[0].startswith(f"{name}: ")
    }.values()


def _proxy(program: Program, following: Following, interest: Interest) -> Proxy:
    from agent.proxies.dante.rules import interfaces, proxy  # noqa: PLC0415 - see above

    path = program.option("-f", PROGRAMS[program.name])
    return proxy(path, following, interest, {} if program.root else interfaces(following.snapshot))


KIND = of_programs(NAME, _programs, _proxy, units=tuple(unit_of(name) for name in PROGRAMS))
