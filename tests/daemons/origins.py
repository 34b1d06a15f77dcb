"""Web servers that say who they are, and clients that say what became of a request, for proxies that may stand between."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from agent.model.course import Ask, walk
from agent.model.intervals import address_value, as_address
from agent.model.proxy import Act, Form
from tests.daemons.internet import Internet
from tests.kernel.needs import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dns.message import Message

    from agent.model.proxy import Door

NAMED = "127.9.0.1"
"""The address of every name."""
FIXED = ("127.9.0.2", "127.9.0.3")
"""Servers that configurations may send requests to."""
DEAD = "127.9.0.9:9"
"""Where nobody listens."""
PORTS = (80, 443)
DIVERTED = {443: 8443, 80: 8080}
"""Where NAT sends clients to."""
EXPLICIT = 3128
CLIENTS = "127.1.0.0/16"
PATIENCE = 10.0
AGENT = "Mozilla/5.0"


class Fate(NamedTuple):
    """What became of a request."""

    act: Act
    server: str = ""
    """Who answered: an address and a port."""
    decrypted: bool = False


def everywhere(query: Message, _upstream: str) -> Message:
    """Answer every name with one address."""
    reply = dns.message.make_response(query, recursion_available=True)
    reply.flags |= dns.flags.AA
    if query.question[0].rdtype == dns.rdatatype.A:
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", NAMED))
    return reply


class Web:
    """A namespace with origins; clients from ``CLIENTS`` are sent to the proxy's ports."""

    def __init__(self) -> None:
        self.internet = Internet(everywhere)
        self.namespace = self.internet.namespace
        self._sockets: list[socket.socket] = []
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self.namespace.run(("nft", "-f", "-"), _nat())
        with self.namespace.entered():
            for address in (NAMED, *FIXED):
                for port in PORTS:
                    listening = socket.create_server((address, port), backlog=64)
                    self._sockets.append(listening)
                    threading.Thread(target=_serve, args=(listening, f"{address}:{port}"), daemon=True).start()

    def close(self) -> None:
        """End the origins, and let the namespace go."""
        for one in self._sockets:
            one.close()
        self.internet.close()

    @contextmanager
    def running(self, argv: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[None]:
        """A proxy, from when it listens on a port until it has ended; raises RuntimeError with its words."""
        with tempfile.TemporaryFile() as words:
            with self.namespace.entered():
                daemon = subprocess.Popen(
                    ("setpriv", "--pdeathsig", "KILL", *argv),
                    stdout=words,
                    stderr=words,
                    env={**os.environ, "PATH": PATH, **(environment or {})},
                )
            try:
                deadline = time.monotonic() + PATIENCE
                while not self._listens(port):
                    if daemon.poll() is not None or time.monotonic() > deadline:
                        words.seek(0)
                        said = words.read().decode(errors="replace")
                        raise RuntimeError(f"{argv[0]} does not listen: {said[-2000:]}")
                    time.sleep(0.01)
                yield
            finally:
                daemon.kill()
                daemon.wait()

    def _listens(self, port: int) -> bool:
        with self.namespace.entered():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
        return True

    def ask(self, ask: Ask, client: str, agent: str = AGENT, *, patience: float = PATIENCE) -> Fate:
        """Make a request, as a browser makes it."""
        explicit = ask.form in (Form.CONNECT, Form.GET, Form.SOCKS)
        with self.namespace.entered(), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as line:
            line.settimeout(patience)
            line.bind((client, 0))
            try:
                line.connect(("127.0.0.1", EXPLICIT) if explicit else (NAMED, ask.port))
                return self._tls(line, ask, agent) if ask.form is Form.TLS else _answer(line, _request(ask, agent))
            except OSError:
                return Fate(Act.DROP)

    def _tls(self, line: socket.socket, ask: Ask, agent: str) -> Fate:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inside = self._context.wrap_bio(incoming, outgoing, server_hostname=ask.name)
        first = True
        while True:
            try:
                inside.do_handshake()
                break
            except ssl.SSLWantReadError:
                line.sendall(outgoing.read())
                data = line.recv(65536)
                if first and data[:1] not in (b"\x15", b"\x16", b""):  # nobody ended TLS: an origin, or an error page
                    return _told(data + _rest(line), decrypted=False)
                if not data:
                    return Fate(Act.DROP)
                incoming.write(data)
                first = False
            except ssl.SSLError:
                return Fate(Act.DROP)
        inside.write(_request(ask, agent))
        line.sendall(outgoing.read())
        found = b""
        while data := line.recv(65536):
            incoming.write(data)
            try:
                while part := inside.read(65536):
                    found += part
            except ssl.SSLError:
                continue
        return _told(found, decrypted=True)


@contextmanager
def web() -> Iterator[Web]:
    """Give origins for one test."""
    made = Web()
    try:
        yield made
    finally:
        made.close()


def certificate(folder: Path) -> str:
    """Make a key and a certificate of no name in one file."""
    path = folder / "proxy.pem"
    if not path.exists():
        subprocess.run(
            (
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-subj",
                "/CN=proxy",
                "-days",
                "30",
                "-keyout",
                str(folder / "key.pem"),
                "-out",
                str(folder / "cert.pem"),
            ),
            check=True,
            capture_output=True,
        )
        path.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return str(path)


def _nat() -> str:
    rules = "".join(
        f"ip saddr {CLIENTS} ip daddr {NAMED} tcp dport {port} redirect to :{to}\n" for port, to in DIVERTED.items()
    )
    return "table ip n {\nchain c {\ntype nat hook output priority -100\n" + rules + "}\n}\n"


def _serve(listening: socket.socket, who: str) -> None:
    while True:
        try:
            line, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_say, args=(line, who), daemon=True).start()


def _say(line: socket.socket, who: str) -> None:
    with line:
        try:
            line.settimeout(5)
            asked = line.recv(65536)
            if asked.startswith(b"CONNECT") and who.startswith(NAMED):  # a web server is no proxy
                line.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            elif asked:
                line.sendall(
                    f"HTTP/1.1 200 OK\r\nX-Origin: {who}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
        except OSError:
            return


def _request(ask: Ask, agent: str) -> bytes:
    usual = {Form.TLS: 443, Form.HTTP: 80, Form.GET: 80}.get(ask.form)
    host = ask.name if ask.port == usual else f"{ask.name}:{ask.port}"
    method, target = ask.method, "/"
    if ask.form is Form.GET:
        target = f"http://{host}/"
    elif ask.form is Form.CONNECT:
        method, target = "CONNECT", host
    body = "Content-Length: 0\r\n" if method == "POST" else ""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n{body}Connection: close\r\n\r\n".encode()
    )


def _rest(line: socket.socket) -> bytes:
    found = b""
    try:
        while data := line.recv(65536):
            found += data
    except OSError:
        pass
    return found


def _answer(line: socket.socket, request: bytes) -> Fate:
    line.sendall(request)
    return _told(_rest(line), decrypted=False)


def _told(answer: bytes, *, decrypted: bool) -> Fate:
    """Read who answered: an origin says so, a proxy's own page does not."""
    for line in answer.split(b"\r\n"):
        if line.lower().startswith(b"x-origin: "):
            return Fate(Act.ALLOW, line[10:].decode(), decrypted)
    return Fate(Act.DENY if answer else Act.DROP, "", decrypted)


def foretold(door: Door, ask: Ask) -> tuple[set[Fate], str]:
    """What we say may become of a request, and why."""
    stages = door.course(ask.form)
    if stages is None:
        return {Fate(Act.DROP)}, "not served"
    found: set[Fate] = set()
    ways = walk(stages, ask)
    for way in ways:
        decrypted = way.decrypted_by is not None
        if way.ruling.act is Act.OPEN:
            found |= {Fate(act, "", decrypted) for act in (Act.ALLOW, Act.DENY, Act.DROP)}
        else:
            found.add(Fate(way.ruling.act, way.upstream, decrypted))
    return found, "; ".join(
        f"{way.ruling.act} by {way.source} ({[one.because for one in way.open_by]})" for way in ways
    )


def patience(found: set[Fate]) -> float:
    """How long to wait for an answer, in seconds: on a busy machine long, but not for what is dropped in silence."""
    return 1.5 if all(one.act is Act.DROP for one in found) else PATIENCE


def agrees(found: set[Fate], fate: Fate) -> bool:
    """Whether a fate is one of those that we foretold; who decrypts a refusal is not seen where it drops."""
    for one in found:
        if one.server == DEAD and fate.act is not Act.ALLOW:
            return True
        if one.act is not fate.act:
            continue
        if fate.act is Act.DROP:
            return True
        if one.decrypted == fate.decrypted and (
            fate.act is Act.DENY
            or _reached(one.server) == fate.server
            or (not one.server and fate.server.startswith(NAMED))
        ):
            return True
    return False


def _reached(server: str) -> str:
    """The origin behind a server; every name has the same address."""
    host, _, port = server.rpartition(":")
    return server if not host or as_address(host) else f"{NAMED}:{port}"


def asked(form: Form, name: str, port: int, client: str, method: str = "GET", *, agent: str = AGENT) -> Ask:
    """Give the question for a client of the test."""
    target = None if form in (Form.CONNECT, Form.GET, Form.SOCKS) else address_value(NAMED)
    return Ask(form, name, port, method, address_value(client), target, (agent,))
