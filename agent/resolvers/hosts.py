"""Hosts files: names that never reach a resolver (hosts(5), nsswitch.conf(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.kind import Kind, Piece
from agent.model.intervals import address_value
from agent.model.names import Interest, normalise
from agent.model.network import HostsEntry
from agent.model.source import Gap, Source
from agent.snapshot import Files, Status, Want
from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.snapshot import Artifact, Snapshot

FILES: Final = ("/etc/hosts", "/etc/nsswitch.conf")


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The hosts file, and who reads it."""
    for path in FILES:
        if f"files{path}" not in snapshot.artifacts:
            yield Want("files", Files(path), "run as root")


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """Entries that touch the names of interest; none where nsswitch leaves ``files`` out."""
    artifact = snapshot.get("files/etc/hosts")
    if artifact.status in (Status.DENIED, Status.FAILED, Status.TIMEOUT):
        return Piece(gaps=(Gap("hosts file", artifact.detail, Source(artifact.name, ""), artifact.remedy),))
    if artifact.status is Status.ABSENT or not _is_used(snapshot.get("files/etc/nsswitch.conf")):
        return Piece()
    return Piece(hosts=tuple(_entries(artifact, interest)))


def _is_used(nsswitch: Artifact) -> bool:
    """Whether glibc asks the hosts file; it does where the line or the file is missing."""
    for line in nsswitch.text.splitlines():
        database, colon, sources = line.partition("#")[0].partition(":")
        if colon and database.strip() == "hosts":
            return "files" in sources.split()
    return True


def _entries(artifact: Artifact, names: frozenset[str]) -> Iterator[HostsEntry]:
    """One entry for each name; lines that glibc skips are skipped."""
    interest = Interest(names)
    for number, line in lines_about(artifact.data, names):
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        try:
            family, address = address_value(words[0])
        except ValueError:
            continue
        for word in words[1:]:
            try:
                name = normalise(word)
            except ValueError:
                continue
            if interest.holds(name):
                yield HostsEntry(name, family, address, Source(artifact.name, line.strip(), number))


KIND = Kind("hosts", wants, read)
