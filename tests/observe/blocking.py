"""Ways in which something stops a required name, or seems to, on a gateway with real programs and real packets."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import dns.message
import orjson

from tests.daemons.lan import NAMESERVERS, Lan, certify, lan
from tests.kernel.needs import PATH, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kernel.netns import Namespace

NAME: Final = "api.livechat.com"
"""A required name."""
OTHER: Final = "www.example.net"
"""One that nobody requires."""
MASQUERADE: Final = "table ip m { chain p { type nat hook postrouting priority srcnat; oifname wan0 masquerade; }\n}"
RESOLVER: Final = NAMESERVERS[0]


class Scene:
    """A gateway that is observed, and what its client does."""

    def __init__(self, made: Lan, folder: Path) -> None:
        self.lan = made
        self.folder = folder

    # ---- the client ----

    def ask(self, name: str, resolver: str = RESOLVER, kind: str = "A", tries: int = 1, wait: float = 1.0) -> list[str]:
        """The addresses of a name, as a stub resolver asks for them; none where nothing comes."""
        query = dns.message.make_query(name, kind).to_wire()
        with self.lan.client.entered(), closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
            asking.settimeout(wait)
            asking.connect((resolver, 53))
            for _ in range(tries):
                asking.send(query)
                with suppress(OSError):
                    reply = dns.message.from_wire(asking.recv(65535))
                    return [one.to_text() for part in reply.answer for one in part if part.rdtype in (1, 28)]
        return []

    def visit(
        self,
        name: str,
        address: str,
        wait: float = 3.0,
        newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        proxy: tuple[str, int] | None = None,
    ) -> str:
        """Shake hands with a server for a name; what came of it, in a word."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = newest
        with self.lan.client.entered(), closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
            sock.settimeout(wait)
            try:
                sock.connect(proxy or (address, 443))
                if proxy is not None:
                    sock.sendall(f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n".encode())
                    if b" 200 " not in sock.recv(65535).partition(b"\r\n")[0]:
                        return "denied"
                with closing(context.wrap_socket(sock, server_hostname=name)) as secure:
                    secure.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    secure.recv(65535)
                    return "ok"
            except OSError as error:
                return type(error).__name__

    def fetch(self, name: str, address: str, wait: float = 3.0, proxy: tuple[str, int] | None = None) -> str:
        """Ask for a page without TLS; the first line of the response."""
        line = f"GET http://{name}/ HTTP/1.1" if proxy else "GET / HTTP/1.1"
        with self.lan.client.entered(), closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as sock:
            sock.settimeout(wait)
            try:
                sock.connect(proxy or (address, 80))
                sock.sendall(f"{line}\r\nHost: {name}\r\nUser-Agent: test\r\nConnection: close\r\n\r\n".encode())
                return sock.recv(65535).partition(b"\r\n")[0].decode()
            except OSError as error:
                return type(error).__name__

    def rules(self, text: str) -> None:
        """Load rules of nftables on the gateway."""
        self.lan.gateway.run(("nft", "-f", "-"), text)


def forward(rule: str) -> str:
    """A table that forwards all but what a rule stops."""
    return f"table inet filter {{ chain forward {{ type filter hook forward priority filter; {rule}; }}\n}}"


class Servers:
    """What the servers of the internet do with a connection: TLS on port 443, HTTP on port 80."""

    def __init__(self, folder: Path) -> None:
        file = folder / "server.pem"
        certify(file)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(file)
        self.plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

    def __call__(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            connection.settimeout(5)
            if connection.getsockname()[1] == 80:
                connection.recv(65535)
                connection.sendall(self.plain)
                return
            with closing(self._context.wrap_socket(connection, server_side=True)) as secure:
                secure.recv(65535)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Forger:
    """Something that sees the packets of an interface, and sends others in return."""

    def __init__(self, inside: Namespace, interface: str, make: Callable[[bytes], Iterator[bytes]]) -> None:
        self._make = make
        self._ended = threading.Event()
        with inside.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.bind((interface, 0))
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                data, place = self._socket.recvfrom(65535)
                if place[2] != socket.PACKET_OUTGOING:
                    for frame in self._make(data):
                        self._socket.send(frame)


@contextmanager
def scene(folder: Path, serve: Callable[[socket.socket], None] | None = None) -> Iterator[Scene]:
    """A gateway, its client and an internet."""
    with lan(serve=serve or Servers(folder)) as made:
        yield Scene(made, folder)


@contextmanager
def captured(inside: Scene, interface: str, path: Path) -> Iterator[None]:
    """What passes an interface, or any, into a capture."""
    before = watching(inside)
    with inside.lan.gateway.entered():
        running = subprocess.Popen(
            ("tcpdump", "-i", interface, "-U", "-w", str(path)),
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PATH": PATH},
        )
    try:
        until_watching(inside, before + 1)
        yield
        time.sleep(1.5)  # tcpdump reads what the kernel gives it once a second
    finally:
        running.terminate()
        running.wait(20)


def replayed(path: Path) -> list[dict[str, Any]]:
    """What ``gateproof replay`` says of a capture."""
    argv = [sys.executable, "-m", "agent", "replay", str(path), "--format", "jsonl"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True)
    return list(map(orjson.loads, done.stdout.splitlines()))


@contextmanager
def observed(inside: Scene, found: list[dict[str, Any]], *arguments: str) -> Iterator[None]:
    """What ``gateproof observe`` says on the gateway meanwhile, into a list."""
    before = watching(inside)
    argv = [sys.executable, "-m", "agent", "observe", "--format", "jsonl", "--all-names", *arguments]
    with inside.lan.gateway.entered():
        running = subprocess.Popen(
            argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PATH": PATH}
        )
    taken: list[bytes] = []
    reader = threading.Thread(target=lambda: taken.extend(running.stdout or ()))
    reader.start()
    try:
        until_watching(inside, before + (1 if arguments else 2))
        yield
        time.sleep(0.3)
    finally:
        running.send_signal(signal.SIGINT)
        reader.join(20)
        running.wait(20)
        running.stdout.close() if running.stdout else None
        errors = running.stderr.read() if running.stderr else b""
        running.stderr.close() if running.stderr else None
    if running.returncode:
        raise RuntimeError(errors.decode())
    found += map(orjson.loads, taken)


def watching(inside: Scene) -> int:
    """How many packet sockets with a protocol there are on the gateway."""
    with inside.lan.gateway.entered(), Path("/proc/thread-self/net/packet").open() as file:
        return sum(line.split()[3] == "0003" for line in file)


def until_watching(inside: Scene, count: int) -> None:
    """Wait until there are so many of them."""
    for _ in range(200):
        if watching(inside) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("it does not begin to watch")
