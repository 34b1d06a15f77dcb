"""BIND: views, access lists, zones, forwarding, response policies (named.conf(5), version 9.18).

What reads it is loaded where there is one, as it is long.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import NOBODY, of_programs
from agent.model.intervals import is_loopback
from agent.snapshot.programs import present, running

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.names import Interest
    from agent.model.network import Listener
    from agent.model.resolver import Resolver
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following
    from agent.snapshot.programs import Program

NAME: Final = "named"
DEFAULT: Final = "/etc/bind/named.conf"


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    return present(snapshot, NAME, DEFAULT)


def _follow(program: Program, following: Following) -> None:
    from agent.resolvers.bind.configuration import configuration  # noqa: PLC0415 - see above

    for path in configuration(program.arguments, following, NOBODY).files:
        following.file(path)


def _resolver(program: Program, following: Following, interest: Interest) -> Resolver:
    from agent.resolvers.bind.resolver import resolver  # noqa: PLC0415 - see above

    found = resolver(program.arguments, following.snapshot, following, interest)
    return replace(found, listeners=tuple(_free(found.listeners, running(following.snapshot))))


def _free(listeners: Iterable[Listener], others: Iterable[Program]) -> Iterator[Listener]:
    """Where a named that starts at boot will listen: clients ask others that have its port now."""
    taken = {one.port for other in others for one in other.listeners if not is_loopback(one.address)}
    return (one for one in listeners if one.port not in taken)


KIND = of_programs(NAME, _programs, _resolver, _follow)
