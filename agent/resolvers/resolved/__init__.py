"""systemd-resolved: passes questions on by link and domain (resolved.conf(5), systemd-resolved.service(8)).

What reads it is loaded where there is one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.kind import NOBODY, Kind, Piece
from agent.model.names import Interest
from agent.model.network import Listener, Nameserver
from agent.model.source import Source
from agent.snapshot import Files, Status, Want
from agent.snapshot.programs import Program, present, running, unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.snapshot import Snapshot

NAME: Final = "systemd-resolved"
SHORT: Final = NAME[:15]
"""The kernel cuts names to fifteen bytes."""
STUB: Final = "127.0.0.53"
DEFAULT: Final = "/etc/systemd/resolved.conf"
UNITS: Final = (unit_of(NAME), "/etc/systemd/system/sysinit.target.wants/systemd-resolved.service")
"""The links by which systemd starts it at boot; newer versions do before all else."""
NSSWITCH: Final = "/etc/nsswitch.conf"


def wants(snapshot: Snapshot) -> Iterable[Want]:
    """The files of the one that runs or starts at boot."""
    for path in (*UNITS, NSSWITCH):
        if f"files{path}" not in snapshot.artifacts:
            yield Want("files", Files(path))
    for program in _present(snapshot):
        from agent.resolvers.resolved.views import load  # noqa: PLC0415 - see above

        yield from load(snapshot, program, NOBODY).wants


def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
    """The resolver, which programs of this host may ask without any packet (nss-resolve(8))."""
    programs = _present(snapshot)
    if not programs:
        return Piece()
    from agent.resolvers.resolved.views import load  # noqa: PLC0415 - see above

    asked = tuple(_asked(snapshot))
    found = tuple(load(snapshot, one, Interest(interest)).resolver for one in programs)
    if asked:  # whether the stub listens or not
        listeners = tuple(dict.fromkeys((*found[0].listeners, Listener("udp", STUB, 53))))
        found = (replace(found[0], listeners=listeners), *found[1:])
    return Piece(resolvers=found, nameservers=asked, gaps=tuple(gap for one in found for gap in one.gaps))


def _present(snapshot: Snapshot) -> tuple[Program, ...]:
    found = tuple(one for one in running(snapshot) if one.name in (NAME, SHORT))
    if not found and any(snapshot.get(f"files{unit}").status is Status.OK for unit in UNITS):
        return (Program(NAME, 0, (NAME,)),)
    return found[:1] or present(snapshot, NAME, DEFAULT)


def _asked(snapshot: Snapshot) -> Iterable[Nameserver]:
    """The stub, where nsswitch.conf has programs ask resolved before they ask servers themselves."""
    artifact = snapshot.get(f"files{NSSWITCH}")
    for number, line in enumerate(artifact.text.splitlines(), 1):
        database, colon, rest = line.partition("#")[0].partition(":")
        before_dns = f" {rest} ".replace("\t", " ").partition(" dns ")[0].split()
        if colon and database.strip() == "hosts" and "resolve" in before_dns:
            yield Nameserver(STUB, Source(artifact.name, line.strip(), number))


KIND = Kind(NAME, wants, read)
