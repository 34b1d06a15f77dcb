"""Which programs a snapshot shows: what runs, and what starts at boot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.errors import Malformed
from agent.model.intervals import address_text, as_address
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
    root: str = ""
    """Where its files are, for a program in a container: ``/proc/4711/root``."""
    addresses: tuple[str, ...] = ()
    """Those of its network namespace, where that is another than this host's."""
    container: str = ""

    def option(self, flag: str, default: str) -> str:
        """Give what follows a flag of one letter, apart or not."""
        for at, argument in enumerate(self.arguments):
            if argument == flag and at + 1 < len(self.arguments):
                return self.arguments[at + 1]
            if argument.startswith(flag) and len(argument) > len(flag) == 2:
                return argument[2:]
        return default

    @property
    def place(self) -> str:
        """What to call where it runs, if that is not here."""
        return f"container {self.container}" if self.container else f"the network namespace of process {self.pid}"


def running(snapshot: Snapshot) -> tuple[Program, ...]:
    """The programs of this network namespace; raises Malformed where the list is not understood."""
    return tuple(one for one in _listed(snapshot) if not one.root)


def _listed(snapshot: Snapshot) -> tuple[Program, ...]:
    artifact = snapshot.get(ARTIFACT)
    if artifact.status is not Status.OK:
        return ()
    try:
        every = orjson.loads(artifact.data)
        return tuple(_program(one) for one in every if not one.get("namespace") or one.get("addresses"))
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
    """Give each program of a name that runs here or in a container, and where none runs here the one that is enabled.

    Where nobody could list programs, a file at the place of its configuration speaks for it.
    """
    if snapshot.get(ARTIFACT).status is Status.OK:
        found = tuple(one for one in _listed(snapshot) if one.name == name)
        enabled = snapshot.get(f"files{unit_of(name)}").status is Status.OK
    else:
        found = ()
        enabled = snapshot.get(f"files{configuration}").status is Status.OK
    here = any(not one.root for one in found)
    return found if here or not enabled else (Program(name, 0, (name,)), *found)


def _plain(address: str) -> str:
    """An address in the one way to write it."""
    found = as_address(address)
    return address_text(found[1], found[0]) if found else address


def _program(one: dict[str, Any]) -> Program:
    return Program(
        str(one["name"]),
        int(one["pid"]),
        tuple(str(part) for part in one.get("arguments") or ()),
        tuple(
            Listener(str(socket["proto"]), _plain(str(socket["address"])), int(socket["port"]))
            for socket in one.get("listeners") or ()
        ),
        str(one.get("root") or "") if one.get("namespace") else "",
        tuple(_plain(str(address)) for address in one.get("addresses") or ()),
        str(one.get("container") or ""),
    )
