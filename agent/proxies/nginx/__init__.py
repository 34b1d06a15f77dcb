"""nginx: a filter of TLS by name (stream, ssl_preread), and a forward proxy (http) (nginx.org/en/docs).

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

NAME: Final = "nginx"
DEFAULT: Final = "/etc/nginx/nginx.conf"


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each; a master and its workers are one."""
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return
    from agent.proxies.nginx.doors import proxy  # noqa: PLC0415 - see above
    from agent.proxies.nginx.files import started  # noqa: PLC0415

    starts = {(one.addresses, start): one for one in programs if (start := started(one.arguments))}
    for (_, start), program in starts.items():
        following = Following.of(snapshot, NAME, program)
        yield replace(proxy(start, following, interest), addresses=program.addresses), following


KIND = of_programs(NAME, (NAME,), _found)
