"""HAProxy: frontends, rules, backends (configuration.txt).

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

NAME: Final = "haproxy"
DEFAULT: Final = "/etc/haproxy/haproxy.cfg"


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each; a master and its workers are one."""
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return
    from agent.proxies.haproxy.doors import proxy  # noqa: PLC0415 - see above
    from agent.proxies.haproxy.sections import load, named_files  # noqa: PLC0415

    for program in {(one.addresses, named_files(one.arguments)): one for one in programs}.values():
        following = Following.of(snapshot, NAME, program)
        found = proxy(load(program.arguments, following), following, interest)
        yield replace(found, addresses=program.addresses), following


KIND = of_programs(NAME, (NAME,), _found)
