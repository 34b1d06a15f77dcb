"""The courses of all sockets of one nginx, also where one passes requests on to another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import address_value
from agent.model.proxy import ALWAYS, NEVER, Act, AllOf, AnyOf, Clients, Not, ProxyStage, Ruling
from agent.model.record import record
from agent.model.source import Gap
from agent.proxies.nginx import NAME
from agent.proxies.nginx.access import UNIX, nearest
from agent.proxies.nginx.flow import Flow
from agent.proxies.nginx.http import Site
from agent.proxies.nginx.http import stages as http_stages
from agent.proxies.nginx.listening import ANYWHERE, listens
from agent.proxies.nginx.stream import stages as stream_stages
from agent.proxies.nginx.stream import switched_on
from agent.proxies.variables.logic import every, opposite, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.network import Listener
    from agent.model.proxy import Form, ProxyRule, Test
    from agent.proxies.nginx.listening import Listen
    from agent.proxies.nginx.syntax import Directive

DECLARING: Final = ("map", "geo", "split_clients")
MAX_CHAIN: Final = 4
"""Sockets that pass requests on to each other."""


@record
class Socket:
    """One listening socket, and the servers that share it."""

    block: Directive
    servers: tuple[tuple[Directive, Listen], ...]

    @property
    def listener(self) -> Listener:
        """Where it listens."""
        return self.servers[0][1].listener


class Courses:
    """Builds courses. ``gaps`` grow."""

    def __init__(self, blocks: Sequence[Directive]) -> None:
        self.gaps: list[Gap] = []
        self.sockets = tuple(socket for block in blocks for socket in self._sockets(block))

    def _sockets(self, block: Directive) -> Iterator[Socket]:
        found: dict[tuple[str, str, int], list[tuple[Directive, Listen]]] = {}
        for server in block.all("server"):
            try:
                for listen in listens(server, 80 if block.name == "http" else None):
                    there = listen.listener
                    found.setdefault((there.proto, there.address, there.port), []).append((server, listen))
            except Malformed as error:
                self.gaps.append(Gap(NAME, f"line {server.source.line}: {error}", server.source))
        for servers in found.values():
            yield Socket(block, tuple(servers))

    def course(self, socket: Socket, form: Form) -> tuple[ProxyStage, ...]:
        """Give the stages of a form of request."""
        try:
            return self._stages(socket, self._flow(socket, form), 0)
        except Malformed as error:
            source = socket.servers[0][0].source
            self.gaps.append(Gap(NAME, str(error), source))
            return (ProxyStage("server", (), Ruling(Act.OPEN, str(error)), source),)

    @staticmethod
    def _flow(socket: Socket, form: Form) -> Flow:
        declared = {one.words[-1].lstrip("$"): one for one in socket.block.all(*DECLARING) if one.words}
        return Flow(form, socket.listener, declared, http=socket.block.name == "http")

    def _stages(self, socket: Socket, flow: Flow, depth: int) -> tuple[ProxyStage, ...]:
        groups = {one[0]: one for one in socket.block.all("upstream")}
        if socket.block.name == "http":
            return tuple(http_stages(Site(socket.block, socket.servers, groups), flow))
        server, listen = socket.servers[0]
        *before, last = stream_stages((socket.block, server), listen, flow, groups)
        if last.title != "proxy_pass":
            return (*before, last)
        told = switched_on((socket.block, server), "proxy_protocol")
        return (*before, *self._chained(last, flow, depth, told=told))

    def _chained(self, last: ProxyStage, flow: Flow, depth: int, *, told: bool) -> Iterator[ProxyStage]:
        """The last stage of a stream; where it passes on to a socket of this program, that one's stages follow."""
        rules: list[ProxyRule] = []
        after: list[ProxyStage] = []
        for rule in last.rules:
            found = self._own(rule.ruling.upstream) if rule.ruling.upstream else None
            if found is not None and told is any(listen.wrapped for _, listen in found.servers):
                rules.append(replace(rule, ruling=Ruling(Act.NEXT, skips=len(after))))
                after += self._next(found, flow, depth, told=told)
            elif told and rule.ruling.act is Act.ALLOW:
                rules.append(replace(rule, ruling=Ruling(Act.OPEN, "a PROXY header is sent to the server")))
            else:
                rules.append(rule)
        yield replace(last, rules=tuple(rules))
        yield from after

    def _next(self, socket: Socket, flow: Flow, depth: int, *, told: bool) -> tuple[ProxyStage, ...]:
        source = socket.servers[0][0].source
        if depth >= MAX_CHAIN:
            because = f"more than {MAX_CHAIN} sockets pass it on"
            return (ProxyStage("proxy_pass", (), Ruling(Act.OPEN, because), source),)
        inner = self._flow(socket, flow.form)
        inner.decrypted = inner.inner = flow.decrypted
        plain = tuple((server, replace(listen, wrapped=False)) for server, listen in socket.servers)
        found = self._stages(replace(socket, servers=plain), inner, depth + 1)
        believed = told and bool(nearest((socket.block, socket.servers[0][0]), "set_real_ip_from"))
        return found if believed else tuple(_from_here(stage, unix=socket.listener.proto == "unix") for stage in found)

    def _own(self, place: str) -> Socket | None:
        """The socket of this program that an upstream is."""
        if place.startswith("unix:"):
            path = place.removeprefix("unix:").rstrip(":")
            return next((one for one in self.sockets if one.listener.address == path), None)
        host, _, port = place.rpartition(":")
        host = "127.0.0.1" if host == "localhost" else host.strip("[]")
        for one in self.sockets:
            there = one.listener
            if str(there.port) == port and (
                there.address == host or (there.address in (ANYWHERE, "::") and host.startswith(("127.", "::1")))
            ):
                return one
        return None


def _from_here(stage: ProxyStage, *, unix: bool) -> ProxyStage:
    """A stage for requests that come from the proxy itself, by loopback or a socket in a file."""
    return replace(stage, rules=tuple(replace(rule, test=_local(rule.test, unix=unix)) for rule in stage.rules))


def _local(test: Test, *, unix: bool) -> Test:
    if test == UNIX:
        return ALWAYS if unix else NEVER
    match test:
        case Clients(addresses):
            family, value = address_value("127.0.0.1")
            held = not unix and any(one == family and value in members for one, members in addresses)
            return ALWAYS if held else NEVER
        case AllOf(tests):
            return every(_local(one, unix=unix) for one in tests)
        case AnyOf(tests):
            return some(_local(one, unix=unix) for one in tests)
        case Not(inner):
            return opposite(_local(inner, unix=unix))
    return test
