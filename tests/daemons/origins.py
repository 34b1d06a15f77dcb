"""What becomes of requests that go through a proxy to a named server or to fixed ones, and what we say of it."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agent.model.course import Ask, walk
from agent.model.intervals import address_value, as_address
from agent.model.proxy import Act, Form
from tests.daemons import web as web_servers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.proxy import Door
    from tests.daemons.web import Web

NAMED = "127.9.0.1"
"""The address of every name."""
FIXED = ("127.9.0.2", "127.9.0.3")
"""Servers that configurations may send requests to."""
DEAD = "127.9.0.9:9"
"""Where nobody listens."""
TLS_PORT, HTTP_PORT, EXPLICIT = 9443, 9080, 3128
"""Ports of the proxy: NAT leads clients to the first two."""
PATIENCE = 10.0
SHORT = 1.0
AGENT = "Mozilla/5.0"


class Fate(NamedTuple):
    """What became of a request."""

    act: Act
    server: str = ""
    """Who answered: an address and a port."""
    decrypted: bool = False


@contextmanager
def world() -> Iterator[Web]:
    """Web servers for one test; some clients' connections are led to the proxy."""
    with web_servers.web(place=lambda _: (NAMED,)) as made:
        made.divert({443: TLS_PORT, 80: HTTP_PORT})
        yield made


@contextmanager
def running(made: Web, argv: Sequence[str], ports: Iterable[int]) -> Iterator[None]:
    """A proxy, from when it listens on all of these ports until it has ended; raises RuntimeError with its words."""
    with made.running(argv, EXPLICIT):
        for port in ports:
            deadline = time.monotonic() + PATIENCE
            while not _listens(made, port):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{argv[0]} does not listen on {port}")
                time.sleep(0.01)
        yield


def _listens(made: Web, port: int) -> bool:
    """Whether a port is open; nobody connects to it, for there are proxies that would go on to connect to themselves."""
    with made.namespace.entered():
        return f":{port:04X} 00000000:0000 0A" in Path("/proc/thread-self/net/tcp").read_text(encoding="ascii")


def request(made: Web, ask: Ask, client: str, agent: str, patience: float) -> Fate:
    """Make a request, as a browser makes it, and say what became of it."""
    reply = made.ask(
        ask.form,
        ask.name,
        ask.port,
        ("127.0.0.1", EXPLICIT),
        client=client,
        method=ask.method,
        headers=(f"User-Agent: {agent}",),
        timeout=patience,
    )
    if reply.reached and not (ask.form is Form.CONNECT and reply.server.startswith(NAMED)):  # that is no proxy
        return Fate(Act.ALLOW, reply.server, reply.decrypted)
    return Fate(Act.DROP if reply.dropped else Act.DENY, "", reply.decrypted)


def certificate(folder: Path) -> str:
    """Make a key and a certificate of no name in one file."""
    path = folder / "proxy.pem"
    if not path.exists():
        subprocess.run(
            (
                *[
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                    "-days",
                    "30",
                    "-subj",
                    "/CN=proxy",
                ],
                *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
            ),
            check=True,
            capture_output=True,
        )
        path.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return str(path)


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
            found.add(Fate(Act.OPEN))
        else:
            found.add(Fate(way.ruling.act, way.upstream, decrypted))
    return found, "; ".join(
        f"{way.ruling.act} by {way.source} ({[one.because for one in way.open_by]})" for way in ways
    )


def patience(found: set[Fate]) -> float:
    """How long to wait for an answer, in seconds: on a busy machine long, but not for what is dropped in silence."""
    return SHORT if all(one.act is Act.DROP for one in found) else PATIENCE


def agrees(found: set[Fate], fate: Fate, form: Form) -> bool:
    """Whether a fate is one of those that we foretold.

    A refusal in cleartext is none to a client that speaks TLS, nor is a page (200) an answer to CONNECT; who would have
    decrypted is not seen where it drops.
    """
    if fate.server.startswith("127.0.0.1:"):  # where the proxy itself is, in truth nobody else listens
        return any(one.act in (Act.DENY, Act.DROP, Act.OPEN) for one in found)
    for one in found:
        if one.act is Act.OPEN or (one.server == DEAD and fate.act is not Act.ALLOW):
            return True
        if fate.act is Act.DROP:
            if one.act is Act.DROP or (one.act is Act.DENY and form in (Form.TLS, Form.CONNECT) and not one.decrypted):
                return True
        elif one.act is fate.act and one.decrypted == fate.decrypted:
            reached = not one.server and fate.server.startswith(NAMED)
            if fate.act is Act.DENY or reached or _reached(one.server) == fate.server:
                return True
    return False


def _reached(server: str) -> str:
    """The server behind an upstream; every name has the same address."""
    host, _, port = server.rpartition(":")
    return server if not host or as_address(host) else f"{NAMED}:{port}"


def asked(form: Form, name: str, port: int, client: str, method: str = "GET", *, agent: str = AGENT) -> Ask:
    """Give the question for a client of the test."""
    target = None if form in (Form.CONNECT, Form.GET, Form.SOCKS) else address_value(NAMED)
    return Ask(form, name, port, method, address_value(client), target, (agent,))
