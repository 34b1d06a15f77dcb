"""nginx: a filter of TLS by name (stream, ssl_preread), and a forward proxy (http) (nginx.org/en/docs).

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

NAME: Final = "nginx"
DEFAULT: Final = "/etc/nginx/nginx.conf"


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    """Masters: of the arguments of their workers nothing is left."""
    found = present(snapshot, NAME, DEFAULT)
    if not found:
        return ()
    from agent.proxies.nginx.files import is_master, started  # noqa: PLC0415 - see above

    return {(one.addresses, started(one.arguments)): one for one in found if is_master(one.arguments)}.values()


def _proxy(program: Program, following: Following, interest: Interest) -> Proxy:
    from agent.proxies.nginx.doors import proxy  # noqa: PLC0415 - see above
    from agent.proxies.nginx.files import started  # noqa: PLC0415

    return proxy(started(program.arguments), following, interest)


KIND = of_programs(NAME, _programs, _proxy)
