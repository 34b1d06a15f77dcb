"""The sockets that are listened on: those that are asked for, or handed in by the service manager."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.errors import StateError, UsageError
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL: Final = "127.0.0.1:9817"
UNIX: Final = "unix:"
SOCKET: Final = "api.sock"
MODE: Final = 0o660
BACKLOG: Final = 1024
FIRST_HANDED: Final = 3
"""The first descriptor that a service manager hands in (sd_listen_fds(3))."""
PLACE: Final = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+)):([0-9]{1,5})")


@record
class Place:
    """Where to listen: an address and a port, or a path."""

    address: str = ""
    port: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"{UNIX}{self.path}"
        return f"{self.host}:{self.port}"

    @property
    def host(self) -> str:
        """The address as it stands in URLs; empty on a unix socket."""
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def loopback(self) -> bool:
        """Whether only this host itself can connect."""
        return self.path is not None or ipaddress.ip_address(self.address).is_loopback


def place(text: str) -> Place:
    """``127.0.0.1:9817``, ``[::1]:9817`` or ``unix:/run/gateproof/api.sock``; raises UsageError."""
    if text.startswith(UNIX):
        if not text.removeprefix(UNIX).startswith("/"):
            raise UsageError(f"--listen {text}: the path must be absolute")
        return Place(path=Path(text.removeprefix(UNIX)))
    form = PLACE.fullmatch(text)
    if form is None or int(form[3]) > 0xFFFF:
        raise UsageError(f"--listen {text}: must be ADDRESS:PORT like {USUAL} or [::1]:9817, or unix:/PATH")
    try:
        address = ipaddress.ip_address(form[1] or {"localhost": "127.0.0.1"}.get(form[2], form[2]))
    except ValueError as error:
        raise UsageError(f"--listen {text}: not an address; names are not looked up") from error
    return Place(str(address), int(form[3]))


def managed() -> Path | None:
    """Where the service manager wants it, if it says so."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(folder) / SOCKET if folder else None


def own_socket(folder: Path, usual: Path | None) -> Place:
    """The unix socket that is there unasked: where it should be, else in the state folder."""
    where = managed() or usual
    return Place(path=where if where is not None and where.parent.is_dir() else folder.absolute() / SOCKET)


def listening(where: Place) -> socket.socket:
    """A socket that listens there; raises StateError."""
    try:
        found = _unix(where.path) if where.path is not None else _tcp(where)
    except OSError as error:
        raise StateError(f"{where}: cannot listen there: {error.strerror or error}; give another --listen") from error
    found.settimeout(0)
    return found


def _tcp(where: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in where.address else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((where.address, where.port))
        found.listen(BACKLOG)
    except BaseException:
        found.close()
        raise
    return found


def _unix(path: Path) -> socket.socket:
    _make_room(path)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        before = os.umask(0o777 & ~MODE)  # nobody may connect before the mode is right
        try:
            found.bind(str(path))
        finally:
            os.umask(before)
        found.listen(BACKLOG)
    except BaseException:
        found.close()
        raise
    return found


def _make_room(path: Path) -> None:
    """Take away the socket of one that ended; raises OSError where somebody listens, or it is no socket."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(0, "something else is there")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        try:
            trying.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise FileExistsError(0, "another gateproof listens there")


def handed_in() -> tuple[socket.socket, ...]:
    """Sockets of the service manager (``LISTEN_FDS``); a child of ours takes them for its own no more."""
    number, owner = os.environ.pop("LISTEN_FDS", ""), os.environ.pop("LISTEN_PID", "")
    if owner != str(os.getpid()) or not number.isdigit():
        return ()
    found = []
    for descriptor in range(FIRST_HANDED, FIRST_HANDED + int(number)):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's order
        one = socket.socket(fileno=descriptor)
        one.settimeout(0)
        found.append(one)
    return tuple(found)


def place_of(one: socket.socket) -> Place:
    """Where a socket listens."""
    if one.family == socket.AF_UNIX:
        return Place(path=Path(os.fsdecode(one.getsockname())))
    return Place(*one.getsockname()[:2])


def forget(places: Sequence[Place]) -> None:
    """Take away the sockets of unix that were made."""
    for one in places:
        if one.path is not None:
            with suppress(OSError):
                one.path.unlink()
