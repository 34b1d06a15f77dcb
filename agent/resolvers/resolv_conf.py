"""Whom this host's own programs ask for addresses (resolv.conf(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.intervals import address_text, address_value
from agent.model.network import Nameserver
from agent.model.source import Source
from agent.snapshot import Files, Status, Want

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.snapshot import Artifact, Snapshot

PATH: Final = "/etc/resolv.conf"
MOST: Final = 3
"""glibc reads no more (MAXNS)."""


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The file."""
    if f"files{PATH}" not in snapshot.artifacts:
        yield Want("files", Files(PATH))


def read(snapshot: Snapshot, _interest: frozenset[str]) -> Piece:
    """The servers in the order in which they are asked; without any it is this host itself."""
    artifact = snapshot.get(f"files{PATH}")
    if artifact.status not in (Status.OK, Status.ABSENT):
        return Piece()
    found = tuple(_servers(artifact))[:MOST]
    return Piece(nameservers=found or (Nameserver("127.0.0.1", Source(artifact.name, "")),))


def _servers(artifact: Artifact) -> Iterator[Nameserver]:
    for number, line in enumerate(artifact.text.splitlines(), 1):
        words = line.split()
        if line.startswith("nameserver") and len(words) > 1 and words[0] == "nameserver":
            try:
                family, value = address_value(words[1].partition("%")[0])
            except ValueError:
                continue
            yield Nameserver(address_text(value, family), Source(artifact.name, line.strip(), number))


KIND = Kind("resolv-conf", wants, read)
