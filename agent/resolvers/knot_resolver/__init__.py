"""Knot Resolver: policies, views, hints (kresd(8), knot-resolver.readthedocs.io).

What reads it is loaded where there is one: that takes as long as reading two hundred rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import of_programs
from agent.snapshot import Status
from agent.snapshot.programs import Program, present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.names import Interest
    from agent.model.resolver import Resolver
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following

NAME: Final = "kresd"
UNIT: Final = "/etc/systemd/system/kresd.target.wants/kresd@1.service"
"""The link by which systemd starts the first instance at boot."""
DEFAULT: Final = "/etc/knot-resolver/kresd.conf"


def _programs(snapshot: Snapshot) -> Iterable[Program]:
    """Those that run, instances that are alike as one, else the one that starts at boot."""
    enabled = snapshot.get(f"files{UNIT}").status is Status.OK
    found = present(snapshot, NAME, DEFAULT) or ((Program(NAME, 0, (NAME,)),) if enabled else ())
    return {(one.addresses, one.arguments, one.listeners): one for one in found}.values()


def _resolver(program: Program, following: Following, interest: Interest) -> Resolver:
    from agent.resolvers.knot_resolver.views import resolver  # noqa: PLC0415 - see above

    return resolver(program.arguments, following, interest)


KIND = of_programs(NAME, _programs, _resolver, units=(UNIT,))
