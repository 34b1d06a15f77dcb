"""HAProxy: frontends, rules, backends (configuration.txt).

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

NAME: Final = "haproxy"
DEFAULT: Final = "/etc/haproxy/haproxy.cfg"


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    """A master and its workers are one."""
    found = present(snapshot, NAME, DEFAULT)
    if not found:
        return ()
    from agent.proxies.haproxy.sections import named_files  # noqa: PLC0415 - see above

    return {(one.addresses, named_files(one.arguments)): one for one in found}.values()


def _proxy(program: Program, following: Following, interest: Interest) -> Proxy:
    from agent.proxies.haproxy.doors import proxy  # noqa: PLC0415 - see above
    from agent.proxies.haproxy.sections import load  # noqa: PLC0415

    return proxy(load(program.arguments, following), following, interest)


KIND = of_programs(NAME, _programs, _proxy)
