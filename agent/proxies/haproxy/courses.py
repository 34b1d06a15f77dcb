"""From a frontend to the server: the stages of one form of request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.proxy import ALWAYS, DENIED, DROPPED, NEVER, Act, Form, ProxyRule, ProxyStage, Ruling
from agent.model.record import record
from agent.proxies.haproxy.chains import next_section, onward
from agent.proxies.haproxy.rules import RuleSet, doubts, guarded, own_pages
from agent.proxies.haproxy.samples import text
from agent.proxies.haproxy.servers import endings, servers
from agent.proxies.variables.branches import parted
from agent.proxies.variables.logic import every
from agent.proxies.variables.texts import How, Literal
from agent.proxies.variables.values import fits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.model.proxy import Test
    from agent.proxies.haproxy.binds import Bind
    from agent.proxies.haproxy.chains import Own
    from agent.proxies.haproxy.flow import Flow
    from agent.proxies.haproxy.sections import Line, Section

MAX_CHAIN: Final = 4
"""Sections that pass requests on to each other."""
MAX_CHAINED: Final = 2000
"""Times that this is followed in one configuration."""
SOON: Final = 20
"""Milliseconds of an inspect-delay in which a client's first words may not come."""
UNITS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0}


def mode(section: Section) -> str:
    """``tcp`` or ``http``; without a word ``tcp``."""
    line = section.last("mode")
    return line[1] if line else "tcp"


def delay(section: Section) -> float:
    """How long content rules wait for what the client sends, in milliseconds."""
    line = section.last("tcp-request", "inspect-delay")
    if line is None:
        return 0.0
    number = line[2].rstrip("usmhd")
    return float(number) * UNITS.get(line[2][len(number) :] or "ms", 1.0) if number.isdecimal() else 0.0


@record
class Frontend:
    """What is needed of a configuration to follow requests of one frontend."""

    section: Section
    backends: Mapping[str, Section]
    own: Own = ()


class Course:
    """Builds the stages of one form of request on one ``bind``."""

    def __init__(self, front: Frontend, bind: Bind, flow: Flow, depth: int = 0) -> None:
        self._depth = depth
        self._front = front
        self._bind = bind
        self._flow = flow

    def stages(self) -> tuple[ProxyStage, ...]:
        """Give all stages."""
        return tuple(self._stages())

    def _stages(self) -> Iterator[ProxyStage]:
        section, flow, bind = self._front.section, self._flow, self._bind
        if bind.wrapped:
            yield ProxyStage("bind", (), DROPPED, bind.source)  # clients send no PROXY header
            return
        yield from RuleSet("tcp-request connection", flow).stage(section, "tcp-request", "connection")
        if bind.ssl:
            if flow.form is not Form.TLS:
                yield ProxyStage("bind", (), DROPPED, bind.source)
                return
            flow.decrypted = True
        if bind.ssl or bind.doubts:
            yield bind.begin()
        yield from RuleSet("tcp-request session", flow).stage(section, "tcp-request", "session")
        if mode(section) == "http":
            yield from self._as_http(section)
        yield from self._content(section)
        if flow.http:
            yield from RuleSet("http-request", flow).stage(section, "http-request")
            yield from own_pages(section, flow)
        yield from doubts(section, flow)
        yield from self._switch()

    def _as_http(self, section: Section) -> Iterator[ProxyStage]:
        """What is no HTTP gets the answer 400."""
        flow = self._flow
        if flow.http:
            return
        flow.http = True
        flow.late = ""
        if not flow.parsed or (flow.form is Form.TLS and not flow.decrypted) or flow.form is Form.SOCKS:
            line = section.last("mode")
            yield ProxyStage("mode http", (), DENIED, line.source if line else section.source)

    def _content(self, section: Section) -> Iterator[ProxyStage]:
        rules = RuleSet("tcp-request content", self._flow, waits=delay(section) >= SOON)
        yield from rules.stage(section, "tcp-request", "content")

    def _switch(self) -> Iterator[ProxyStage]:
        """``use_backend``, ``default_backend``, then the stages of each backend; a rule skips those of the others."""
        section = self._front.section
        rules: list[tuple[Test, Section, Line | None]] = []
        default = section.last("default_backend")
        other = self._front.backends.get(default[1], section) if default else section
        for line in section.own("use_backend"):
            rules += self._switching(line, section, other)
        rules.append((ALWAYS, other, default))
        branches: dict[str, tuple[ProxyStage, ...]] = {}
        for _, target, _ in rules:
            if target.name not in branches:
                branches[target.name] = tuple(self._backend(target))
        choices = [(test, target.name, line.source if line else target.source) for test, target, line in rules]
        yield from parted("use_backend", choices, branches)

    def _switching(self, line: Line, section: Section, other: Section) -> Iterator[tuple[Test, Section, Line]]:
        flow = self._flow
        condition = guarded(line, line.words[2:], section, flow)
        if condition == NEVER:
            return
        if "%" not in line[1]:
            target = self._front.backends.get(line[1])
            if target is None:
                flow.gap(f"line {line.source.line}: there is no backend {line[1]}", line.source)
            yield condition, target or other, line
            return
        value = text(line[1], flow)
        for name, target in self._front.backends.items():
            test = every((condition, fits(value, (Literal(How.WHOLE, name),))))
            if test != NEVER:
                yield test, target, line
        yield condition, other, line

    def _backend(self, target: Section) -> Iterator[ProxyStage]:
        """The stages of a backend, of which the last always ends the course."""
        front, before = self._front.section, self._flow
        flow = self._flow = before.copy()
        if target is not front:  # the rules of a listen section are asked once
            if mode(target) == "http":
                yield from self._as_http(target)
            elif flow.http:  # a name that is made of the request may be that of a backend for TCP: an error
                yield ProxyStage("use_backend", (), DROPPED, target.source)
            yield from self._content(target)
            if flow.http:
                yield from RuleSet("http-request", flow).stage(target, "http-request")
                yield from own_pages(target, flow)
            yield from doubts(target, flow)
        yield from self._chained(endings(target, flow), target)
        self._flow = before

    def _chained(self, stage: ProxyStage, backend: Section) -> Iterator[ProxyStage]:
        """The last stage of a backend; where a server is a section of this program, that one's stages follow."""
        named = {server.source: server for server in servers(backend)}
        rules: list[ProxyRule] = []
        after: list[ProxyStage] = []
        for rule in stage.rules:
            found = next_section(rule.ruling.upstream, self._front.own) if rule.ruling.upstream else None
            server = named.get(rule.source)
            flow = onward(self._flow, server, found[0]) if found and server else None
            if found is None or flow is None:
                rules.append(rule)
                continue
            bind, section = found
            rules.append(replace(rule, ruling=Ruling(Act.NEXT, skips=len(after))))
            self._flow.lists.chained += 1
            if self._depth >= MAX_CHAIN or self._flow.lists.chained > MAX_CHAINED:
                because = "too many sections pass it on"
                after.append(ProxyStage("server", (), Ruling(Act.OPEN, because), rule.source))
            else:
                front = replace(self._front, section=section)
                after += Course(front, replace(bind, wrapped=False), flow, self._depth + 1).stages()
        yield replace(stage, rules=tuple(rules))
        yield from after
