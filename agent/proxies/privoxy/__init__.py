"""Privoxy: access lists, actions by URL pattern, trusted sites, forwarding (its user manual).

What reads it is loaded where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import of_programs
from agent.snapshot.programs import present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.model.proxy import Proxy
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following
    from agent.snapshot.programs import Program

NAME: Final = "privoxy"
DEFAULT: Final = "/etc/privoxy/config"


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    return present(snapshot, NAME, DEFAULT)


def _proxy(program: Program, following: Following, interest: Interest) -> Proxy:
    from agent.proxies.privoxy.doors import proxy  # noqa: PLC0415 - see above

    return proxy(program, following, interest)


KIND = of_programs(NAME, _programs, _proxy)
