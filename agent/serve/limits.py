"""How much one client, and all of them together, may take."""

from __future__ import annotations

import math
import resource
from collections import Counter, OrderedDict
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.serve.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable


@record(kw_only=True)
class Ceilings:
    """Of one process."""

    connections: int = 4096
    """In all by TCP, with those that are only being made."""
    local: int = 256
    """By unix sockets: whatever others do, there is room for these."""
    per_client: int = 2048
    """Of one address; one that stands for a proxy or for this host has many clients behind it."""
    handshake: float = 10.0
    """Seconds for that of TLS."""
    header: float = 10.0
    """Seconds for the head of a request, from its first byte or from the connection's beginning."""
    response: float = 75.0
    """Seconds to take an answer."""
    idle: float = 75.0
    """Seconds that a connection may wait for another request."""
    target: int = 8190
    """Bytes."""
    header_line: int = 8192
    """Bytes of one header; another number than that of the target, so that errors tell them apart."""
    headers: int = 64
    """Lines of a head."""


UNIX: Final = ""
"""The client of a unix socket, whoever it is."""
SPARE: Final = 64
"""Files that are open besides connections."""
CLIENTS: Final = 10_000
"""Whose rate is remembered; the one that asked longest ago goes first."""


class Places:
    """Who is connected; each connection takes a place and gives it back."""

    def __init__(self, ceilings: Ceilings) -> None:
        self._ceilings = ceilings
        self._taken: Counter[str] = Counter()

    def refused(self, client: str) -> str:
        """Why a client gets no place; empty where it gets one."""
        local = self._taken[UNIX]
        if client == UNIX:
            return "connections" if local >= self._ceilings.local else ""
        if self._taken.total() - local >= self._ceilings.connections:
            return "connections"
        if self._taken[client] >= self._ceilings.per_client:
            return "client_connections"
        return ""

    def take(self, client: str) -> Callable[[], None]:
        """Take a place; gives the function that gives it back, which may be called again without effect."""
        self._taken[client] += 1
        held = [client]

        def give_back() -> None:
            if held:
                name = held.pop()
                self._taken[name] -= 1
                if not self._taken[name]:
                    del self._taken[name]

        return give_back


def allow_files(ceilings: Ceilings) -> None:
    """Let this process open as many files as there may be connections, where it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ceilings.connections + ceilings.local + SPARE
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= 0 else wanted, hard))


class Rate:
    """A request every ``interval`` seconds for each client, and ``burst`` of them at once."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._slack = interval * (burst - 1)
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()
        """When each client's requests are all paid for (the generic cell rate algorithm, ITU-T I.371)."""

    def check(self, client: str) -> None:
        """Count a request; raises Problem where it is one too many."""
        now = self._clock()
        due = max(self._due.get(client, now), now)
        wait = due - now - self._slack
        if wait > 0:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "rate",
                "too many requests of this client",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        self._due[client] = due + self._interval
        self._due.move_to_end(client)
        if len(self._due) > CLIENTS:
            self._due.popitem(last=False)
