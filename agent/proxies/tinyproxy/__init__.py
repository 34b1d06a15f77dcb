"""tinyproxy: access by address, CONNECT ports, filters, upstream proxies (tinyproxy.conf(5)).

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

NAME: Final = "tinyproxy"
DEFAULT: Final = "/etc/tinyproxy/tinyproxy.conf"
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each tinyproxy that runs or starts at boot."""
    if f"files{unit_of(NAME)}" not in snapshot.artifacts:
        yield Want("files", Files(unit_of(NAME)))
    for _, following in _found(snapshot, NONE):
        yield from following.wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """One proxy for each."""
    found = tuple(proxy for proxy, _ in _found(snapshot, Interest(interest)))
    return Piece(proxies=found, gaps=tuple(gap for one in found for gap in one.gaps))


def _found(snapshot: Snapshot, interest: Interest) -> Iterator[tuple[Proxy, Following]]:
    """The proxies, and the files that were followed for each."""
    programs = present(snapshot, NAME, DEFAULT)
    if not programs:
        return
    from agent.proxies.tinyproxy.doors import proxy  # noqa: PLC0415 - see above

    for program in programs:
        following = Following.of(snapshot, NAME, program)
        yield replace(proxy(program, following, interest), addresses=program.addresses), following


KIND = Kind(NAME, wants, read)
