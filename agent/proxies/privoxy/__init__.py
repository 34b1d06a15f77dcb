"""Privoxy: access lists, actions by URL pattern, trusted sites, forwarding (its user manual).

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

NAME: Final = "privoxy"
DEFAULT: Final = "/etc/privoxy/config"


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each."""
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return
    from agent.proxies.privoxy.doors import proxy  # noqa: PLC0415 - see above

    for program in programs:
        following = Following.of(snapshot, NAME, program)
        yield replace(proxy(program, following, interest), addresses=program.addresses), following


KIND = of_programs(NAME, (NAME,), _found)
