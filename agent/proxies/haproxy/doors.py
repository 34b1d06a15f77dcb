"""The proxy that a configuration of HAProxy makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import Act, Door, Form, Proxy, ProxyStage, Ruling
from agent.model.source import Gap, Source
from agent.proxies.haproxy import NAME
from agent.proxies.haproxy.binds import binds
from agent.proxies.haproxy.courses import Course, Frontend
from agent.proxies.haproxy.flow import Flow, Lists
from agent.proxies.haproxy.mistakes import mistakes
from agent.proxies.haproxy.rules import NO_DELAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.proxies.haproxy.binds import Bind
    from agent.proxies.haproxy.sections import Files, Section
    from agent.snapshot.following import Following

FORMS: Final = (Form.TLS, Form.HTTP, Form.CONNECT, Form.GET, Form.SOCKS)
CHANGING: Final = ("add-acl(", "del-acl(", "set-map(", "del-map(")


def proxy(files: Files, following: Following, interest: Interest) -> Proxy:
    """Give the proxy with all its doors."""
    return _Reader(files, following, interest).proxy()


class _Reader:
    def __init__(self, files: Files, following: Following, interest: Interest) -> None:
        self._files = files
        self._following = following
        self._interest = interest
        base = "/"
        for section in files.sections:
            if section.kind == "global" and (line := section.last("default-path")) and line[1] == "origin":
                base = line[2]
        self._lists = Lists(following, interest, base, frozenset(self._changing()))

    def _changing(self) -> Iterator[str]:
        """Lists that rules change as requests come."""
        for section in self._files.sections:
            for line in section.lines:
                for word in line.words:
                    if word.startswith(CHANGING):
                        yield word.partition("(")[2].rstrip(")")

    def proxy(self) -> Proxy:
        sections = list(self._files.proxies())
        backends = {one.name: one for one in sections if one.kind in ("backend", "listen")}
        gaps = list(self._files.gaps)
        own = tuple(self._binds(sections, gaps))
        doors = [
            self._door(bind, section, Frontend(section, backends, own))
            for bind, section in own
            if bind.listener.proto != "unix"
        ]
        first = self._files.sections[0].source if self._files.sections else None
        servers, families = self._resolvers()
        source = Source(first.artifact, "", None) if first else None
        gaps += [*self._lists.gaps.values(), *self._following.gaps]
        wrong = tuple(
            dict.fromkeys(one for section in sections for one in mistakes(section, self._lists, self._interest))
        )
        return Proxy(NAME, tuple(doors), source, servers, families, wrong, tuple(dict.fromkeys(gaps)))

    @staticmethod
    def _binds(sections: Sequence[Section], gaps: list[Gap]) -> Iterator[tuple[Bind, Section]]:
        """All sockets, each with its section."""
        for section in sections:
            for line in section.own("bind"):
                try:
                    yield from [(bind, section) for bind in binds(line)]
                except Malformed as error:
                    gaps.append(Gap(NAME, f"line {line.source.line}: {error}", line.source))

    def _door(self, bind: Bind, section: Section, front: Frontend) -> Door:
        courses = []
        looked_up: set[Form] = set()
        for form in FORMS:
            flow = Flow(form, self._lists, self._files.environment, looked_up)
            flow.late = NO_DELAY
            flow.tproxy = bind.transparent
            try:
                made = Course(front, bind, flow).stages()
            except Malformed as error:
                flow.gap(str(error), section.source)
                made = (ProxyStage("frontend", (), Ruling(Act.OPEN, str(error)), section.source),)
            courses.append((form, made))
        served = tuple(courses)
        return Door(bind.listener, served, section.source, bind.transparent, frozenset(looked_up), hands_on=True)

    def _resolvers(self) -> tuple[tuple[str, ...], frozenset[int]]:
        """Name servers of the sections that rules look names up with, and families that they ask for."""
        used = self._lists.resolvers
        servers = tuple(
            line[2].replace("@", "").rpartition(":")[0].strip("[]") + "#" + line[2].rpartition(":")[2]
            for section in self._files.sections
            if section.kind == "resolvers" and section.name in used
            for line in section.own("nameserver")
        )
        asked = {words[0] if words else "" for words in used.values()}
        families = {"ipv4": frozenset({4}), "ipv6": frozenset({6})}
        only = families.get(next(iter(asked)), frozenset({4, 6})) if len(asked) == 1 else frozenset({4, 6})
        return servers, only
