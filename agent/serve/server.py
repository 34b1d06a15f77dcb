"""The process of the API: it takes connections, drops those that take too long, and reads again what changes."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import socket
import sys
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aiohttp import web

from agent.errors import StateError
from agent.notify import notify
from agent.serve.application import Application
from agent.serve.connection import Connection
from agent.serve.limits import Ceilings, Places
from agent.serve.peer import Peer
from agent.serve.site import Site
from agent.serve.sockets import USUAL, Place, forget, handed_in, listening, own_socket, place, place_of
from agent.serve.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

LOG: Final = logging.getLogger("gateproof")
SWEEP: Final = 1.0
"""Seconds between two looks at deadlines and files."""
GRACE: Final = 5.0
"""Seconds that answers on their way have when the process is to end."""
EXHAUSTED: Final = 0.5
"""Seconds to wait where the process can open no more."""
FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server:
    """Listens until it is told to stop."""

    def __init__(self, site: Site, ceilings: Ceilings) -> None:
        self._site = site
        self._ceilings = ceilings
        self._places = Places(ceilings)
        self._open: dict[Connection, Callable[[], None]] = {}
        self._web = web.Server(Application(site))
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, sockets: Sequence[socket.socket], done: asyncio.Event) -> None:
        """Take connections until ``done``; then let answers on their way leave."""
        for one in sockets:
            self._start(self._accept(one))
        self._start(self._sweep())
        await done.wait()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in sockets:
            one.close()
        await self._web.shutdown(GRACE)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        local = listener.family == socket.AF_UNIX
        while True:
            try:
                taken, address = await loop.sock_accept(listener)
            except OSError as error:  # too many open files, most likely
                LOG.debug("accept: %s", error)
                self._site.counters.rejected["files"] += 1
                await asyncio.sleep(EXHAUSTED)
                continue
            client = "" if local else str(address[0])
            if reason := self._places.refused(client):
                self._site.counters.rejected[reason] += 1
                with taken, suppress(OSError):
                    taken.send(FULL, socket.MSG_DONTWAIT)
                await asyncio.sleep(0)
                continue
            peer = Peer(
                address=client,
                local=local,
                loopback=local or ipaddress.ip_address(client.partition("%")[0]).is_loopback,
            )
            self._start(self._connect(taken, peer))

    async def _connect(self, taken: socket.socket, peer: Peer) -> None:
        """Hand a connection to its protocol."""
        loop = asyncio.get_running_loop()
        give_back = self._places.take(peer.address)

        def made() -> Connection:
            connection = Connection(self._web, loop, self._ceilings, peer, self._gone)
            self._open[connection] = give_back
            return connection

        try:
            await loop.connect_accepted_socket(made, taken)
        except (OSError, asyncio.CancelledError):
            give_back()
            taken.close()
            raise

    def _gone(self, connection: Connection) -> None:
        if give_back := self._open.pop(connection, None):
            give_back()
        self._site.counters.connections = len(self._open)

    async def _sweep(self) -> None:
        """Drop those whose time is over."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP)
            now = loop.time()
            self._site.counters.connections = len(self._open)
            for connection in [one for one in self._open if one.deadline is not None and one.deadline < now]:
                self._site.counters.rejected["slow"] += 1
                if connection.transport is not None:
                    connection.transport.abort()


def run(
    folder: Path,
    listen: Sequence[str] = (USUAL,),
    *,
    unix: Path | None = None,
    every: timedelta = timedelta(minutes=15),
    ceilings: Ceilings | None = None,
) -> int:
    """Serve a state folder until told to stop; raises UsageError, ConfigError or StateError before anything is served.

    ``unix`` is where the socket should be that is always there; without it, it is in the state folder.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="gateproof: %(message)s")
    sockets = list(handed_in())
    made: list[Place] = []
    try:
        if not sockets:
            for where in map(place, listen):
                sockets.append(listening(where))
                made.append(where)
            try:
                own = own_socket(folder, unix)
                sockets.append(listening(own))
                made.append(own)
            except StateError as error:
                LOG.warning("api: %s", error)
        asyncio.run(_serve(folder, sockets, every, ceilings or Ceilings()))
    finally:
        for one in sockets:
            one.close()
        forget(made)
    return 0


async def _serve(folder: Path, sockets: Sequence[socket.socket], every: timedelta, ceilings: Ceilings) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, done.set)
    state = State(folder)
    server = Server(Site(state, every), ceilings)
    LOG.info("api: listening on %s", ", ".join(str(place_of(one)) for one in sockets))
    notify("READY=1")
    try:
        await server.serve(sockets, done)
    finally:
        notify("STOPPING=1")
        state.close()
