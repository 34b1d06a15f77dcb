"""Unbound: local zones, views, tags, forwarding, response policies (unbound.conf(5)).

What reads it is loaded where there is one: that takes as long as reading two hundred rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import NOBODY, of_programs
from agent.snapshot.programs import present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.model.resolver import Resolver
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following
    from agent.snapshot.programs import Program

NAME: Final = "unbound"
DEFAULT: Final = "/etc/unbound/unbound.conf"


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    return present(snapshot, NAME, DEFAULT)


def _follow(program: Program, following: Following) -> None:
    from agent.resolvers.unbound.clauses import clauses  # noqa: PLC0415 - see above
    from agent.resolvers.unbound.policy import saved  # noqa: PLC0415

    for clause in clauses(program.option("-c", DEFAULT), following, NOBODY)[0]:
        if clause.kind == "rpz":
            saved(clause, following)


def _resolver(program: Program, following: Following, interest: Interest) -> Resolver:
    from agent.resolvers.unbound.clauses import clauses  # noqa: PLC0415 - see above
    from agent.resolvers.unbound.views import resolver  # noqa: PLC0415

    written, gaps = clauses(program.option("-c", DEFAULT), following, interest)
    return resolver(written, following, gaps, interest)


KIND = of_programs(NAME, _programs, _resolver, _follow)
