"""A small web in a namespace of its own: names, web servers that say they were reached, and clients of proxies.

Every name has addresses on loopback (``Web.place``); below them web servers answer on every address: HTTP and TLS on
each port, as origin or as the next proxy. Clients have addresses in 127.0.0.0/8; those in ``DIVERTED`` can be diverted.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import zlib
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from agent.model.course import BROWSERS
from agent.model.proxy import Form
from tests.daemons.internet import UPSTREAMS, Internet, daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dns.message import Message

NAMESERVER: Final = UPSTREAMS[0]
"""Where proxies ask for addresses."""
PORTS: Final = (80, 443, 8080, 8443)
"""Where web servers listen, on every address; whatever comes first, TLS or HTTP, is what they speak."""
DIVERTED: Final = "127.1.0.0/16"
"""Clients whose connections ``Web.divert`` leads to the proxy, unless it is told others."""
PATIENCE: Final = 3.0
"""Seconds that clients wait for anything."""
REACHED: Final = "X-Reached"
_MOST: Final = 1 << 16


class Seen(NamedTuple):
    """One request as a web server saw it."""

    server: str
    """Its own ``address:port``."""
    client: str
    name: str
    """The name in the TLS hello; empty without TLS or name."""
    head: str

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.partition("\r\n")[0]


class Reply(NamedTuple):
    """What became of a client's request."""

    status: int
    """Of the last answer; 0 where there was none: dropped."""
    server: str = ""
    """``address:port`` of the web server that was reached; empty where the proxy itself answered."""
    decrypted: bool = False
    """The client saw another certificate than the web server's."""
    head: str = ""
    trouble: str = ""
    """Why there was no answer."""

    @property
    def reached(self) -> bool:
        """Whether a web server answered."""
        return bool(self.server)

    @property
    def dropped(self) -> bool:
        """Whether there was no answer at all."""
        return self.status == 0


def place(name: str) -> tuple[str, ...]:
    """The addresses of a name: one of 127.0.0.20 … 127.0.0.27, two for ``two.``…, none for what ends in ``.nowhere``."""
    if name.endswith(".nowhere"):
        return ()
    first = zlib.crc32(name.encode()) % 8
    return tuple(f"127.0.0.{20 + (first + more) % 8}" for more in range(2 if name.startswith("two.") else 1))


class Web:
    """The namespace, and what runs in it."""

    def __init__(
        self,
        place: Callable[[str], Sequence[str]] = place,
        reverse: Mapping[str, str] | None = None,
        certified: Sequence[str] = ("*.com", "*.org", "*.net"),
        newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ) -> None:
        self.place = place
        self.reverse = dict(reverse or {})
        """Names of addresses (PTR)."""
        self.newest = newest
        """The newest TLS that web servers speak."""
        self.seen: list[Seen] = []
        """Requests that reached a web server since the last client began."""
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.authority, self.authority_key = self._authority()
        """Files (PEM) of the authority that signed the web servers' certificate, and could sign a proxy's."""
        self._context, self.certificate = self._certificate(certified)
        self._internet = Internet(self._answer)
        self.namespace = self._internet.namespace
        self._sockets: list[socket.socket] = []
        for port in PORTS:
            with self.namespace.entered():
                listening = socket.create_server(("", port), backlog=128)
            self._sockets.append(listening)
            threading.Thread(target=self._listen, args=(listening,), daemon=True).start()

    def close(self) -> None:
        """End the servers and let the namespace go."""
        for one in self._sockets:
            one.close()
        self._internet.close()
        self._folder.cleanup()

    @contextmanager
    def running(self, argv: Sequence[str], port: int, address: str = "127.0.0.1") -> Iterator[subprocess.Popen[bytes]]:
        """A proxy, from when it listens on a port until it has ended; raises RuntimeError with its words."""

        def listens() -> bool:
            with self.namespace.entered(), closing(socket.socket()) as probe:
                probe.settimeout(0.5)
                return probe.connect_ex((address, port)) == 0

        with daemon(self.namespace, argv, listens) as started:
            yield started

    def divert(self, ports: Mapping[int, int], clients: str = DIVERTED) -> None:
        """Lead connections of some clients to these ports to the proxy's ports (by NAT, redirect)."""
        rules = "".join(
            f"add rule ip diverted out ip saddr {clients} tcp dport {there} redirect to :{here}\n"
            for there, here in ports.items()
        )
        chain = "add chain ip diverted out { type nat hook output priority -100; }"
        self.namespace.run(("nft", "-f", "-"), f"add table ip diverted\n{chain}\n{rules}")

    # ---- clients ----

    def ask(
        self,
        form: Form,
        name: str,
        port: int,
        proxy: tuple[str, int],
        *,
        client: str = "127.0.0.1",
        target: str | None = None,
        method: str = "GET",
        path: str = "/",
        headers: Sequence[str] = (f"User-Agent: {BROWSERS[0]}",),
        connect_headers: Sequence[str] = (),
        hello: str | None = None,
        inner_tls: bool | None = None,
        timeout: float = PATIENCE,
    ) -> Reply:
        """Send one request through a proxy; ``target`` is the address for diverted forms (else the name's first).

        ``hello`` is the name in the TLS hello where it is another (empty: none). ``inner_tls`` is about what goes
        through a tunnel: TLS unless the port is 80.
        """
        self.seen.clear()
        tls = form is Form.TLS or (
            form in (Form.CONNECT, Form.SOCKS) and (port != 80 if inner_tls is None else inner_tls)
        )
        diverted = form in (Form.TLS, Form.HTTP)
        to = (target or self.place(name)[0], port) if diverted else proxy
        url = f"http://{name}{'' if port == 80 else f':{port}'}{path}" if form is Form.GET else path
        host = name if port == (443 if tls else 80) else f"{name}:{port}"
        try:
            with closing(self._connected(client, to, timeout)) as sock:
                if form is Form.SOCKS and (refused := _socks(sock, name, port)):
                    return Reply(refused, trouble="SOCKS")
                if form is Form.CONNECT:
                    head = _exchange(
                        sock, f"CONNECT {name}:{port} HTTP/1.1", f"{name}:{port}", connect_headers or headers
                    )
                    if _status(head) != 200:
                        return Reply(_status(head), head=head)
                shown = b""
                if tls:
                    sock, shown = _secured(sock, name if hello is None else hello)  # noqa: PLW2901 - closed with it
                with closing(sock):
                    head = _exchange(sock, f"{method} {url} HTTP/1.1", host, headers)
        except (OSError, EOFError, ValueError) as error:
            return Reply(0, trouble=f"{type(error).__name__}: {error}")
        return Reply(_status(head), _field(head, REACHED), tls and shown != self.certificate, head)

    def _connected(self, client: str, to: tuple[str, int], timeout: float) -> socket.socket:
        with self.namespace.entered():
            return socket.create_connection(to, timeout, (client, 0))

    # ---- servers ----

    def _answer(self, query: Message, _server: str) -> Message:
        """Answer as the authority for every name."""
        reply = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        if question.rdtype == dns.rdatatype.PTR:
            address = ".".join(reversed(name.removesuffix(".in-addr.arpa").split(".")))
            found = [f"{self.reverse[address]}."] if address in self.reverse else []
        else:
            found = list(self.place(name))
        if not found:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype in (dns.rdatatype.A, dns.rdatatype.PTR):
            reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, found))
        return reply

    def _listen(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        name = ""
        try:
            with ExitStack() as held:
                held.enter_context(closing(connection))
                server, client = ("{}:{}".format(*one) for one in (connection.getsockname(), connection.getpeername()))
                while True:
                    if not isinstance(connection, ssl.SSLSocket) and connection.recv(1, socket.MSG_PEEK) == b"\x16":
                        connection = self._context.wrap_socket(connection, server_side=True)
                        held.enter_context(closing(connection))
                        name = getattr(connection, "asked_for", "")
                    head = _head(connection)
                    self.seen.append(Seen(server, client, name, head))
                    if head.startswith("CONNECT "):
                        connection.sendall(f"HTTP/1.1 200 OK\r\n{REACHED}: {server}\r\n\r\n".encode())
                        continue
                    length = int(_field(head, "Content-Length") or 0)
                    while length > 0:
                        length -= len(connection.recv(min(length, _MOST))) or length
                    body = b"" if head.startswith("HEAD ") else b"reached"
                    connection.sendall(
                        f"HTTP/1.1 200 OK\r\n{REACHED}: {server}\r\nContent-Type: text/plain\r\n"
                        f"Cache-Control: no-store\r\nContent-Length: 7\r\n\r\n".encode()
                        + body
                    )
        except (OSError, EOFError, ValueError):
            return

    # ---- certificates ----

    def _authority(self) -> tuple[Path, Path]:
        certificate, key = self.folder / "authority.pem", self.folder / "authority.key"
        _openssl(
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {certificate}"
            " -days 30 -subj /CN=authority.test -addext basicConstraints=critical,CA:TRUE"
        )
        return certificate, key

    def _certificate(self, names: Sequence[str]) -> tuple[ssl.SSLContext, bytes]:
        certificate, key, extensions = (self.folder / f"server.{one}" for one in ("pem", "key", "ext"))
        extensions.write_text(f"subjectAltName={','.join(f'DNS:{name}' for name in names)}\n", encoding="ascii")
        _openssl(
            f"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {certificate}.csr"
            " -subj /CN=server.test"
        )
        _openssl(
            f"x509 -req -in {certificate}.csr -CA {self.authority} -CAkey {self.authority_key} -CAcreateserial"
            f" -out {certificate} -days 30 -extfile {extensions}"
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.maximum_version = self.newest
        context.sni_callback = _remember
        return context, ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii"))


@contextmanager
def web(
    place: Callable[[str], Sequence[str]] = place,
    reverse: Mapping[str, str] | None = None,
    certified: Sequence[str] = ("*.com", "*.org", "*.net"),
) -> Iterator[Web]:
    """A small web for one test."""
    made = Web(place, reverse, certified)
    try:
        yield made
    finally:
        made.close()


def _openssl(arguments: str) -> None:
    subprocess.run(("openssl", *arguments.split()), check=True, capture_output=True)


def _remember(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
    connection.asked_for = name or ""  # type: ignore[union-attr]  # our own attribute


def _secured(sock: socket.socket, name: str) -> tuple[ssl.SSLSocket, bytes]:
    """TLS with a name in the hello; the certificate is whatever the other side shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sock.getpeername()  # raises where the other side has gone: ssl would leave the socket open
    secured = context.wrap_socket(sock, server_hostname=name or None)
    try:
        return secured, secured.getpeercert(binary_form=True) or b""
    except ValueError:  # the other side was gone before the handshake began
        secured.close()
        raise


def _exchange(sock: socket.socket, line: str, host: str, headers: Sequence[str]) -> str:
    body = ("Content-Length: 2", "", "hi") if line.startswith(("POST ", "PUT ")) else ("", "")
    sock.sendall("\r\n".join((line, f"Host: {host}", *headers, *body)).encode())
    return _head(sock)


def _head(sock: socket.socket) -> str:
    """The head of a request or an answer; raises EOFError where there is none."""
    found = b""
    while not found.endswith(b"\r\n\r\n"):
        more = sock.recv(1) if len(found) < _MOST else b""
        if not more:
            raise EOFError(f"closed after {found[:80]!r}")
        found += more
    return found.decode("latin-1")


def _status(head: str) -> int:
    found = re.match(r"HTTP/1\.[01] (\d{3})", head)
    return int(found[1]) if found else 0


def _field(head: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*(.*?)\r$", head, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""


def _socks(sock: socket.socket, name: str, port: int) -> int:
    """Ask for a connection by name (RFC 1928); 0, or the code of the refusal."""
    sock.sendall(b"\x05\x01\x00")
    if _exactly(sock, 2) != b"\x05\x00":
        return 255
    sock.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name.encode() + struct.pack(">H", port))
    _, code, _, kind = _exactly(sock, 4)
    rest = {1: 4, 4: 16}.get(kind) or _exactly(sock, 1)[0]
    _exactly(sock, rest + 2)
    return code


def _exactly(sock: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        more = sock.recv(length - len(found))
        if not more:
            raise EOFError("closed")
        found += more
    return found
