"""The proxy that a configuration of nginx makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.proxy import Door, Form, Proxy
from agent.model.source import Gap, Source
from agent.proxies.nginx import NAME
from agent.proxies.nginx.courses import Courses
from agent.proxies.nginx.directives import DIRECTIVES
from agent.proxies.nginx.files import Configuration
from agent.proxies.nginx.mistakes import mistakes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.model.naming import Mistake
    from agent.proxies.nginx.files import Start
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
        blocks = [block for block in self._read.directives if block.name in ("stream", "http")]
        courses = Courses(blocks)
        doors = [
            Door(
                one.listener,
                tuple((form, courses.course(one, form)) for form in RAW),
                one.servers[0][0].source,
                looks_up=frozenset(RAW),
                hands_on=True,
            )
            for one in courses.sockets
            if one.listener.proto != "unix"
        ]
        servers: list[str] = []
        wrong: list[Mistake] = []
        families = {4, 6}
        for block in blocks:
            wrong += mistakes(block, self._interest)
            self._gaps += _doubts(block)
            for line in _resolvers(block):
                servers += [_server(word) for word in line.words if "=" not in word]
                families -= {6} if "ipv6=off" in line.words else {4} if "ipv4=off" in line.words else set()
        gaps = (*self._gaps, *courses.gaps, *self._following.gaps)
        source = Source(self._read.file, "", None)
        named = tuple(dict.fromkeys(servers))
        return Proxy(
            NAME,
            tuple(doors),
            source,
            named,
            frozenset(families),
            tuple(wrong),
            tuple(dict.fromkeys(gaps)),
        )


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
