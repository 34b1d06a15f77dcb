"""PowerDNS Recursor: forwarding, served zones, response policies (pdns_recursor(1), doc.powerdns.com/recursor).

What reads it is loaded where there is one: that takes as long as reading two hundred rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import of_programs
from agent.snapshot.programs import present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.model.resolver import Resolver
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following
    from agent.snapshot.programs import Program

NAME: Final = "pdns_recursor"
SERVICE: Final = "pdns-recursor"
DEFAULT: Final = "/etc/powerdns/recursor.conf"


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    return present(snapshot, NAME, DEFAULT) or present(snapshot, SERVICE, DEFAULT)


def _follow(program: Program, following: Following) -> None:
    from agent.resolvers.pdns_recursor.views import load  # noqa: PLC0415 - see above

    load(program.arguments, following)


def _resolver(program: Program, following: Following, interest: Interest) -> Resolver:
    from agent.resolvers.pdns_recursor.views import resolver  # noqa: PLC0415 - see above

    return resolver(program.arguments, following, interest)


KIND = of_programs(NAME, _programs, _resolver, _follow)
