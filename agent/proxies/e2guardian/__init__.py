"""e2guardian 5: filter groups, lists of sites and URLs, and the storyboards that say what follows from them.

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

NAME: Final = "e2guardian"
DEFAULT: Final = "/etc/e2guardian/e2guardian.conf"


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    """Those that read one file are one."""
    found = present(snapshot, NAME, DEFAULT)
    return {(one.addresses, one.option("-c", DEFAULT)): one for one in found}.values()


def _proxy(program: Program, following: Following, interest: Interest) -> Proxy:
    from agent.proxies.e2guardian.proxy import proxy  # noqa: PLC0415 - see above

    return proxy(program.option("-c", DEFAULT), following, interest)


KIND = of_programs(NAME, _programs, _proxy)
