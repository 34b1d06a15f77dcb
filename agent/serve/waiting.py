"""Connections whose first request is not there yet: a socket and some bytes each, so that thousands cost little.

Only connections without TLS wait here; where there is TLS, its handshake comes first.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from agent.serve.peer import Peer

END: Final = b"\r\n\r\n"
"""Of a head."""
MOST: Final = 8192
"""Bytes that are kept here; what begins with more is a matter for the parser."""


@dataclass(slots=True, eq=False)
class Guest:
    """One that waits."""

    socket: socket.socket
    peer: Peer
    give_back: Callable[[], None]
    deadline: float
    data: bytearray = field(default_factory=bytearray)


class WaitingRoom:
    """Lets a connection in once its head is whole, or cannot be one."""

    def __init__(self, let_in: Callable[[Guest], None], patience: float) -> None:
        self._let_in = let_in
        self._patience = patience
        self._guests: set[Guest] = set()

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, taken: socket.socket, peer: Peer, give_back: Callable[[], None]) -> None:
        """Wait for a head; ``give_back`` is called where none comes."""
        loop = asyncio.get_running_loop()
        guest = Guest(taken, peer, give_back, loop.time() + self._patience)
        self._guests.add(guest)
        loop.add_reader(taken, self._read, guest)

    def _read(self, guest: Guest) -> None:
        try:
            data = guest.socket.recv(MOST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._leave(guest)
            return
        guest.data += data
        # a method begins with a letter: whoever speaks another protocol is told so at once
        if END in guest.data or len(guest.data) >= MOST or not guest.data[:1].isalpha():
            asyncio.get_running_loop().remove_reader(guest.socket)
            self._guests.discard(guest)
            self._let_in(guest)

    def _leave(self, guest: Guest) -> None:
        with suppress(OSError):
            asyncio.get_running_loop().remove_reader(guest.socket)
        self._guests.discard(guest)
        guest.socket.close()
        guest.give_back()

    def drop(self, now: float) -> int:
        """Drop those who have waited too long; gives their number."""
        late = [one for one in self._guests if one.deadline < now]
        for one in late:
            self._leave(one)
        return len(late)

    def close(self) -> None:
        """Drop all."""
        self.drop(float("inf"))
