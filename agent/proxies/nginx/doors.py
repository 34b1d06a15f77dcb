"""The proxy that a configuration of nginx makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import Act, Door, Form, Proxy, ProxyStage, Ruling
from agent.model.source import Gap, Source
from agent.proxies.nginx import NAME
from agent.proxies.nginx.directives import DIRECTIVES
from agent.proxies.nginx.files import Configuration
from agent.proxies.nginx.flow import Flow
from agent.proxies.nginx.http import Site
from agent.proxies.nginx.http import stages as http_stages
from agent.proxies.nginx.listening import listens
from agent.proxies.nginx.mistakes import mistakes
from agent.proxies.nginx.stream import stages as stream_stages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.model.naming import Mistake
    from agent.proxies.nginx.files import Start
    from agent.proxies.nginx.listening import Listen
    from agent.proxies.nginx.syntax import Directive
    from agent.snapshot.following import Following

RAW: Final = (Form.TLS, Form.HTTP, Form.CONNECT, Form.GET, Form.SOCKS)
CONTEXTS: Final = ("server", "location", "if")
DECLARING: Final = ("map", "geo", "split_clients")


def proxy(start: Start, following: Following, interest: Interest) -> Proxy:
    """Give the proxy with all its doors."""
    return _Reader(Configuration(start, following, interest), following, interest).proxy()


class _Reader:
    def __init__(self, configuration: Configuration, following: Following, interest: Interest) -> None:
        self._read = configuration
        self._interest = interest
        self._following = following
        self._gaps: list[Gap] = list(configuration.gaps)

    def proxy(self) -> Proxy:
        doors: list[Door] = []
        servers: list[str] = []
        wrong: list[Mistake] = []
        families = {4, 6}
        for block in self._read.directives:
            if block.name in ("stream", "http"):
                doors += self._doors(block)
                wrong += mistakes(block, self._interest)
                self._gaps += _doubts(block)
                for line in _resolvers(block):
                    servers += [_server(word) for word in line.words if "=" not in word]
                    families -= {6} if "ipv6=off" in line.words else {4} if "ipv4=off" in line.words else set()
        gaps = (*self._gaps, *self._following.gaps)
        source = Source(self._read.file, "", None)
        named = tuple(dict.fromkeys(servers))
        return Proxy(NAME, tuple(doors), source, named, frozenset(families), tuple(wrong), tuple(dict.fromkeys(gaps)))

    def _doors(self, block: Directive) -> Iterator[Door]:
        """A door for each socket; servers that share one are told apart by name (http)."""
        declared = {one.words[-1].lstrip("$"): one for one in block.all(*DECLARING) if one.words}
        groups = {one[0]: one for one in block.all("upstream")}
        sockets: dict[tuple[str, int], list[tuple[Directive, Listen]]] = {}
        for server in block.all("server"):
            try:
                for listen in listens(server, 80 if block.name == "http" else None):
                    key = listen.listener.address, listen.listener.port
                    sockets.setdefault(key, []).append((server, listen))
            except Malformed as error:
                self._gaps.append(Gap(NAME, f"line {server.source.line}: {error}", server.source))
        for found in sockets.values():
            listener = found[0][1].listener
            courses = []
            for form in RAW:
                flow = Flow(form, listener, declared, http=block.name == "http")
                try:
                    if block.name == "stream":
                        server, listen = found[0]
                        made = tuple(stream_stages((block, server), listen, flow, groups))
                    else:
                        made = tuple(http_stages(Site(block, tuple(found), groups), flow))
                except Malformed as error:
                    self._gaps.append(Gap(NAME, str(error), found[0][0].source))
                    made = (ProxyStage("server", (), Ruling(Act.OPEN, str(error)), found[0][0].source),)
                courses.append((form, made))
            yield Door(listener, tuple(courses), found[0][0].source, looks_up=frozenset(RAW))


def _doubts(level: Directive) -> Iterator[Gap]:
    """What is not followed in a block and what is in it."""
    for one in level.block or ():
        because = DIRECTIVES.doubt(one.name)
        if because:
            yield Gap(NAME, f"line {one.source.line}: {one.name}: {because}", one.source)
        if one.block is not None and one.name in CONTEXTS:
            yield from _doubts(one)


def _resolvers(block: Directive) -> Iterator[Directive]:
    """All ``resolver`` lines of a block and what is in it."""
    for one in block.block or ():
        if one.name == "resolver":
            yield one
        elif one.block is not None and one.name in ("server", "location"):
            yield from _resolvers(one)


def _server(word: str) -> str:
    """``address#port``."""
    host, colon, port = word.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = word, "53"
    return f"{host.strip('[]')}#{port}"
