"""nginx: a filter of TLS by name (stream, ssl_preread), and a forward proxy (http) (nginx.org/en/docs).

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

NAME: Final = "nginx"
DEFAULT: Final = "/etc/nginx/nginx.conf"
NONE: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of each nginx that runs or starts at boot."""
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
    from agent.proxies.nginx.doors import proxy  # noqa: PLC0415 - see above
    from agent.proxies.nginx.files import started  # noqa: PLC0415

    for program in {(started(one.arguments), one.addresses): one for one in programs}.values():
        if start := started(program.arguments):
            following = Following.of(snapshot, NAME, program)
            yield replace(proxy(start, following, interest), addresses=program.addresses), following


KIND = Kind(NAME, wants, read)
