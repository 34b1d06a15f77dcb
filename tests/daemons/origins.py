"""What becomes of requests that go through a proxy to a named server or to fixed ones, and what we say of it."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from agent.model.course import Ask, walk
from agent.model.intervals import address_value, as_address
from agent.model.proxy import Act, Form
from tests.daemons import web as web_servers
from tests.daemons.snapshots import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.kind import Kind, Piece
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
PORTS = {Form.TLS: TLS_PORT, Form.HTTP: HTTP_PORT, Form.GET: EXPLICIT, Form.CONNECT: EXPLICIT}
"""Where requests of each form come to the proxy."""
USUAL = {Form.TLS: 443, Form.HTTP: 80, Form.GET: 80, Form.CONNECT: 443}
"""And the server's port that they are for."""
CLIENTS = ("127.1.0.5", "127.1.7.9")
AGENTS = ("Mozilla/5.0", "LiveChat webhook/1.0")
METHODS = ("GET", "POST")
PATIENCE = 10.0
SHORT = 1.0


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


def asked(form: Form, name: str, port: int, client: str, method: str = "GET", *, agent: str = AGENTS[0]) -> Ask:
    """Give the question for a client of the test."""
    target = None if form in (Form.CONNECT, Form.GET, Form.SOCKS) else address_value(NAMED)
    return Ask(form, name, port, method, address_value(client), target, (agent,))


class Config(Protocol):
    """The files of one random configuration, paths to texts, and how the program is started with it."""

    files: dict[str, str]
    argv: list[str]

    def write(self) -> None:
        """Put the files where they belong."""
        ...


def disagreements(
    kind: Kind, config: Config, made: Web, names: Mapping[Form, Sequence[str]], outcomes: set[Act] | None = None
) -> list[str]:
    """Where the program and our reading differ; raises RuntimeError where it does not start."""
    config.write()
    piece, doors = _read(kind, config.files, config.argv)
    found = [f"gap: {gap}" for gap in piece.gaps]
    with running(made, config.argv, doors):
        for form, port in PORTS.items():
            for at, name in enumerate(names[form]):
                client, agent = CLIENTS[at % 2], AGENTS[at // 2 % 2]
                ask = asked(form, name, USUAL[form], client, METHODS[at // 3 % 2], agent=agent)
                ours, why = foretold(doors[port], ask)
                theirs = request(made, ask, client, agent, patience(ours))
                if outcomes is not None:
                    outcomes.add(theirs.act)
                if not agrees(ours, theirs, form):
                    found.append(f"{form} {name} from {client}, {ask.method}, {agent}: {theirs}; we say {ours}: {why}")
    return found


def passes_on_to_itself(kind: Kind, file: Path, text: str, argv: list[str]) -> None:
    """Compare what becomes of requests that one configuration leads through several of its own sockets."""
    text = text.replace("@CERT", certificate(file.parent)).replace("@DIR", str(file.parent))
    file.write_text(text, encoding="utf-8")
    _, doors = _read(kind, {str(file): text}, argv)
    acts: set[Act] = set()
    with world() as made, running(made, argv, doors):
        for form in (Form.TLS, Form.HTTP):
            for name in ("livechat.com", "a.livechat.com", "api.livechat.com", "text.com", "other.com"):
                ask = asked(form, name, USUAL[form], CLIENTS[0])
                ours, why = foretold(doors[PORTS[form]], ask)
                theirs = request(made, ask, CLIENTS[0], AGENTS[0], patience(ours))
                assert len(ours) == 1
                assert agrees(ours, theirs, form), (ask, theirs, why)
                acts.add(theirs.act)
    assert len(acts) > 1


def _read(kind: Kind, files: Mapping[str, str], argv: list[str]) -> tuple[Piece, dict[int, Door]]:
    """What we read, and its doors by port."""
    program = {"name": argv[0], "pid": 7, "arguments": argv, "listeners": []}
    piece = kind.read(snapshot(dict(files), [program]), frozenset())
    return piece, {door.listener.port: door for proxy in piece.proxies for door in proxy.doors}
