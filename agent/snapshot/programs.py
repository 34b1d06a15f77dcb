"""Which programs a snapshot shows: what runs, and what starts at boot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.errors import Malformed
from agent.model.network import Listener
from agent.model.record import record
from agent.snapshot.snapshot import Status

if TYPE_CHECKING:
    from agent.snapshot.snapshot import Snapshot

ARTIFACT: Final = "processes.json"


@record
class Program:
    """A program that runs, or (``pid`` 0) that the system starts at boot."""

    name: str
    pid: int
    arguments: tuple[str, ...] = ()
    """As it was started, its own name first."""
    listeners: tuple[Listener, ...] = ()


def running(snapshot: Snapshot) -> tuple[Program, ...]:
    """The programs of this network namespace; raises Malformed where the list is not understood."""
    artifact = snapshot.get(ARTIFACT)
    if artifact.status is not Status.OK:
        return ()
    try:
        return tuple(_program(one) for one in orjson.loads(artifact.data) if not one.get("namespace"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Malformed(f"the list of programs is not understood: {type(error).__name__}: {error}") from error


UNITS: Final = {
    "pdns_recursor": "pdns-recursor", "kresd": "kresd@1", "systemd-resolve": "systemd-resolved", "bgpd": "frr",
}  # fmt: skip
"""Services that start programs of another name."""


def unit_of(program: str) -> str:
    """The link by which systemd starts a program at boot."""
    name = UNITS.get(program, program)
    return f"/etc/systemd/system/multi-user.target.wants/{name}.service"


def present(snapshot: Snapshot, name: str, configuration: str) -> tuple[Program, ...]:
    """Give each program of a name that runs, else the one that starts at boot.

    Where nobody could list programs, a file at the place of its configuration speaks for it.
    """
    if snapshot.get(ARTIFACT).status is Status.OK:
        found = tuple(one for one in running(snapshot) if one.name == name)
        enabled = snapshot.get(f"files{unit_of(name)}").status is Status.OK
    else:
        found = ()
        enabled = snapshot.get(f"files{configuration}").status is Status.OK
    return found or ((Program(name, 0, (name,)),) if enabled else ())


def _program(one: dict[str, Any]) -> Program:
    return Program(
        str(one["name"]),
        int(one["pid"]),
        tuple(str(part) for part in one.get("arguments") or ()),
        tuple(
            Listener(str(socket["proto"]), str(socket["address"]), int(socket["port"]))
            for socket in one.get("listeners") or ()
        ),
    )
