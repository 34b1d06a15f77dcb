"""A SOCKS server (4a and 5) in front of the small web: who connects through it reaches the web server beside it."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kernel.netns import Namespace

PORT: Final = 1080
BESIDE: Final = 8080
"""The port of the web server at the same address."""


@contextmanager
def socks(namespace: Namespace, address: str) -> Iterator[None]:
    """A server on port 1080 of an address, while the block runs."""
    with namespace.entered():
        listening = socket.create_server((address, PORT), backlog=64)
    threading.Thread(target=_listen, args=(listening, namespace, address), daemon=True).start()
    try:
        yield
    finally:
        listening.close()


def _listen(listening: socket.socket, namespace: Namespace, address: str) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, namespace, address), daemon=True).start()


def _serve(client: socket.socket, namespace: Namespace, address: str) -> None:
    client.settimeout(10)
    try:
        with closing(client):
            _greeted(client)
            with namespace.entered():
                server = socket.create_connection((address, BESIDE), 10)
            with closing(server):
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(10)
    except (OSError, EOFError):
        return


def _greeted(client: socket.socket) -> None:
    """Read what version 4 or 5 asks for, and say that it is done."""
    if _bytes(client, 1) == b"\x04":
        asked = _bytes(client, 7)
        _until_zero(client)
        if asked[3:6] == b"\0\0\0":
            _until_zero(client)
        client.sendall(b"\0\x5a" + bytes(6))
        return
    _bytes(client, _bytes(client, 1)[0])
    client.sendall(b"\x05\0")
    kind = _bytes(client, 4)[3]
    length = {1: 4, 4: 16}.get(kind) or _bytes(client, 1)[0]
    _bytes(client, length + 2)
    client.sendall(b"\x05\0\0\x01" + bytes(6))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _bytes(client: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = client.recv(length - len(found))
        if not more:
            raise EOFError
        found += more
    return found


def _until_zero(client: socket.socket) -> None:
    while _bytes(client, 1) != b"\0":
        pass
