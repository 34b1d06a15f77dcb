"""HAProxy: frontends, rules, backends (configuration.txt).

What reads it is loaded where there is one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.names import Interest
from agent.snapshot import Files, Want
from agent.snapshot.following import Following
from agent.snapshot.programs import present, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.proxy import Proxy
    from agent.snapshot import Snapshot

NAME: Final = "haproxy"
DEFAULT: Final = "/etc/haproxy/haproxy.cfg"
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each HAProxy that runs or starts at boot."""
    if f"files{unit_of(NAME)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(NAME)))
    for _, following in _found(snapshot, NONE):
        yield from following.wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One proxy for each."""
    found = tuple(proxy for proxy, _ in _found(snapshot, Interest(interest)))
    return Piece(proxies=found, gaps=tuple(gap for one in found for gap in one.gaps))


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each; a master and its workers are one."""
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return
    from agent.proxies.haproxy.doors import proxy  # noqa: PLC0415 - see above
    from agent.proxies.haproxy.sections import load, named_files  # noqa: PLC0415

    for program in {(named_files(one.arguments), one.addresses): one for one in programs}.values():
        following = Following.of(snapshot, NAME, program)
        found = proxy(load(program.arguments, following), following, interest)
        yield replace(found, addresses=program.addresses), following


KIND = Kind(NAME, wants, read)
