"""e2guardian 5: filter groups, lists of sites and URLs, and the storyboards that say what follows from them.

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

NAME: Final = "e2guardian"
DEFAULT: Final = "/etc/e2guardian/e2guardian.conf"


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each."""
    programs = {(one.root, one.option("-c", DEFAULT)): one for one in present(snapshot, NAME, DEFAULT)}
    if not programs:
        return
    from agent.proxies.e2guardian.proxy import proxy  # noqa: PLC0415 - see above

    for (_, path), program in programs.items():
        following = Following.of(snapshot, NAME, program)
        yield replace(proxy(path, following, interest), addresses=program.addresses), following


KIND = of_programs(NAME, (NAME,), _found)
