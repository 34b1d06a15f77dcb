"""The process of the API: it takes connections, drops those that take too long, and reads again what changes."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web

from agent import logs
from agent.config import Serve
from agent.errors import StateError
from agent.notify import notify
from agent.observe.confine import give_up_rights
from agent.serve.application import Application
from agent.serve.connection import Connection
from agent.serve.limits import Ceilings, Places, allow_files
from agent.serve.peer import LOCAL, peer_of
from agent.serve.setup import Settled, checked
from agent.serve.site import Site
from agent.serve.sockets import Place, forget, handed_in, listening, managed, own_socket, place, place_of
from agent.serve.state import State
from agent.serve.waiting import Guest, WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
    from datetime import timedelta
    from pathlib import Path

    from agent.config import Settings

LOG: Final = logging.getLogger("gateproof")
SWEEP: Final = 1.0
"""Seconds between two looks at deadlines and files."""
GRACE: Final = 5.0
"""Seconds that answers on their way have when the process is to end."""
AT_ONCE: Final = 16
"""Connections that are taken between other work."""
EXHAUSTED: Final = 0.5
"""Seconds to wait where the process can open no more."""
COLLECT: Final = (50_000, 20, 20)
"""Objects of each generation."""
FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server:
    """Listens until it is told to stop."""

    def __init__(self, site: Site, ceilings: Ceilings) -> None:
        self._site = site
        self._ceilings = ceilings
        self._places = Places(ceilings)
        self._open: dict[Connection, Callable[[], None]] = {}
        self._waiting = WaitingRoom(self._let_in, ceilings.header)
        self._web = web.Server(Application(site))
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, sockets: Sequence[socket.socket], done: asyncio.Event) -> None:
        """Take connections until ``done``; then let answers on their way leave."""
        for one in sockets:
            self._listen(one)
        # without it, only a new process helps
        self._start(self._sweep()).add_done_callback(lambda _: done.set())
        await done.wait()
        for one in sockets:
            asyncio.get_running_loop().remove_reader(one)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._waiting.close()
        for one in sockets:
            one.close()
        self._web.pre_shutdown()  # those that are only kept alive are not waited for
        await self._web.shutdown(GRACE)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("api: a fault of gateproof itself", exc_info=error)

    def _listen(self, listener: socket.socket) -> None:
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Take some of those who wait; others are served before more are taken."""
        for _ in range(AT_ONCE):
            try:
                taken, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # too many open files, most likely
                LOG.debug("accept: %s", error)
                self._site.counters.rejected["files"] += 1
                loop = asyncio.get_running_loop()
                loop.remove_reader(listener)
                loop.call_later(EXHAUSTED, self._listen_again, listener)
                return
            taken.settimeout(0)
            peer = LOCAL if listener.family == socket.AF_UNIX else peer_of(address[0])
            if reason := self._places.refused(peer.client):
                self._site.counters.rejected[reason] += 1
                with taken, suppress(OSError):
                    taken.send(FULL)
                continue
            give_back = self._places.take(peer.client)
            if peer.local or self._site.setup.now.tls is None:
                self._waiting.enter(taken, peer, give_back)
            else:
                self._let_in(Guest(taken, peer, give_back, 0.0))
            self._count()

    def _let_in(self, guest: Guest) -> None:
        connection = Connection(self._web, self._site, self._ceilings, guest, self._gone)
        self._open[connection] = guest.give_back
        self._start(self._connect(guest.socket, connection))

    def _count(self) -> None:
        self._site.counters.connections = len(self._open) + len(self._waiting)

    def _listen_again(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:  # it may be closed by now
            self._listen(listener)

    async def _connect(self, taken: socket.socket, connection: Connection) -> None:
        """Hand a connection to its protocol."""
        peer = connection.peer
        tls = None if peer.local else self._site.setup.now.tls
        patience = {"ssl_handshake_timeout": self._ceilings.handshake} if tls is not None else {}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, taken, ssl=tls, **patience)
        except OSError as error:  # a handshake that failed is one of these
            self._site.counters.rejected["handshake"] += 1
            LOG.debug("handshake: %s", error)
            self._gone(connection)
            taken.close()
        except asyncio.CancelledError:
            self._gone(connection)
            taken.close()
            raise

    def _gone(self, connection: Connection) -> None:
        if give_back := self._open.pop(connection, None):
            give_back()
        self._count()

    async def _sweep(self) -> None:
        """Drop those whose time is over."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP)
            try:
                await asyncio.to_thread(self._site.setup.look)
            except Exception:  # deadlines have to be kept to in any case
                LOG.exception("api: a fault of gateproof itself; the old credentials and certificates stay")
            now = loop.time()
            self._site.counters.rejected["slow"] += self._waiting.drop(now)
            self._count()
            for connection in [one for one in self._open if one.deadline is not None and one.deadline < now]:
                self._site.counters.rejected["slow"] += 1
                if connection.transport is not None:
                    connection.transport.abort()


def run(
    folder: Path,
    settings: Settings,
    listen: Sequence[str] = (),
    *,
    ceilings: Ceilings | None = None,
    confined: bool = False,
) -> int:
    """Serve a state folder until told to stop; raises UsageError, ConfigError or StateError before anything is served.

    ``listen`` comes before what the settings say. ``confined`` gives up all rights for good once the sockets are there:
    what belongs to other users than this process can then not be read.
    """
    logs.begin()
    ceilings = ceilings or Ceilings()
    allow_files(ceilings)
    _spare_collections()
    with _listening(folder, listen or settings.serve.listen, settings.serve.socket) as sockets:
        setup = checked(folder, settings.serve.web_config, [place_of(one) for one in sockets])
        if confined:
            give_up_rights()
        asyncio.run(_serve(folder, sockets, setup, settings.schedule.every, ceilings))
    return 0


def _spare_collections() -> None:
    """Look for cyclic garbage seldom, and never in what was loaded: a thousand new connections make none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


@contextmanager
def _listening(folder: Path, listen: Sequence[str], unix: Path | None) -> Iterator[list[socket.socket]]:
    """The sockets of the service manager, else those that are asked for and the one that is always there."""
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
                if managed() is not None and unix not in {None, own.path, Serve().socket}:
                    LOG.warning("api: serve.socket %s has no effect: the service manager gives %s", unix, own.path)
            except StateError as error:
                LOG.warning("api: %s", error)
        yield sockets
    finally:
        for one in sockets:
            one.close()
        forget(made)


async def _serve(
    folder: Path, sockets: Sequence[socket.socket], setup: Settled, every: timedelta, ceilings: Ceilings
) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, done.set)
    loop.add_signal_handler(signal.SIGHUP, setup.ask)
    state = State(folder)
    server = Server(Site(state, setup, every), ceilings)
    LOG.info("api: listening on %s", ", ".join(str(place_of(one)) for one in sockets))
    notify("READY=1")
    try:
        await server.serve(sockets, done)
    finally:
        notify("STOPPING=1")
        state.close()
