"""Servers of ``http``: one is chosen by name, in it a location; rewriting, then access, then what is passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Malformed
from agent.model.proxy import ALWAYS, DENIED, DROPPED, NEVER, PASS, Act, Form, Open, ProxyRule, ProxyStage, Ruling
from agent.model.record import record
from agent.proxies.nginx.access import access, nearest
from agent.proxies.nginx.rewriting import Rewriting
from agent.proxies.nginx.stream import doubts, limited
from agent.proxies.nginx.upstreams import Towards
from agent.proxies.variables.branches import parted
from agent.proxies.variables.logic import every
from agent.proxies.variables.texts import How, Literal, regex
from agent.proxies.variables.values import Page, Spelled, fits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.model.proxy import Test, Texts
    from agent.model.source import Source
    from agent.proxies.nginx.flow import Flow
    from agent.proxies.nginx.listening import Listen
    from agent.proxies.nginx.syntax import Directive

LIMITS = ("limit_conn", "limit_req")


@record
class Site:
    """The servers that share a socket."""

    block: Directive
    servers: tuple[tuple[Directive, Listen], ...]
    groups: Mapping[str, Directive]


def stages(site: Site, flow: Flow) -> Iterator[ProxyStage]:
    """The stages of one form of request; raises Malformed."""
    _, listen = next((one for one in site.servers if one[1].wrapped), site.servers[0])
    if listen.wrapped:
        yield ProxyStage("listen", (), DROPPED, listen.source)  # clients send no PROXY header
        return
    _, secure = next((one for one in site.servers if one[1].ssl), site.servers[0])
    if flow.form in (Form.CONNECT, Form.SOCKS) or secure.ssl != (flow.form is Form.TLS and not flow.inner):
        yield ProxyStage("listen", (), DENIED, secure.source)  # 405; 400 for what is not the form of this port
        return
    chosen = _chosen(site)
    if secure.ssl:
        yield _handshake(chosen, secure.source)
        flow.decrypted = True
    branches: dict[str, tuple[ProxyStage, ...]] = {}
    for _, server in chosen:
        key = str(server.source)
        if key not in branches:
            branches[key] = tuple(_Server(site, server, flow.copy()).stages())
    yield from parted("server_name", [(test, str(server.source), server.source) for test, server in chosen], branches)


def _handshake(chosen: list[tuple[Test, Directive]], source: Source) -> ProxyStage:
    """TLS ends, but for servers that do not want it."""
    rules = [
        ProxyRule(test, DROPPED if off else Ruling(Act.NEXT, decrypts=True), off.source if off else source)
        for test, server in chosen
        for off in [next((one for one in server.all("ssl_reject_handshake") if one[0] == "on"), None)]
    ]
    return ProxyStage("listen ssl", tuple(rules))


def _chosen(site: Site) -> list[tuple[Test, Directive]]:
    """Which server a name belongs to: whole names, ``*.name`` (longest), ``name.*`` (longest), expressions in order."""
    ranked: list[tuple[int, int, Texts, Directive]] = []
    taken: set[Texts] = set()
    for server, _ in site.servers:
        for line in server.all("server_name"):
            for word in line.words:
                names = list(_names(word))
                if word.startswith("~") or all(_first_of(pattern, taken) for _, _, pattern in names):
                    ranked += [(rank, length, pattern, server) for rank, length, pattern in names]
    tests = [
        (fits(Spelled(), (pattern,)), server)
        for _, _, pattern, server in sorted(ranked, key=lambda one: (one[0], -one[1] if one[0] < 3 else 0))
    ]
    default = next((server for server, listen in site.servers if listen.default), site.servers[0][0])
    return [*(one for one in tests if one[0] != NEVER), (ALWAYS, default)]


def _first_of(pattern: Texts, taken: set[Texts]) -> bool:
    """Whether no server has a name yet.

    A conflicting name is ignored as a whole; but of ``.name`` the name alone is taken before ``*.name`` is looked at.
    """
    new = pattern not in taken
    taken.add(pattern)
    return new


def _names(word: str) -> Iterator[tuple[int, int, Texts]]:
    if word.startswith("~"):
        try:
            yield 3, 0, regex(word[1:], fold=True)
        except Malformed as error:
            raise Malformed(f"server_name {word}: {error}") from error
        return
    bare = word.lower().rstrip(".")
    if bare.startswith("*."):
        yield 1, len(bare), Literal(How.ENDS, bare[1:])
    elif bare.startswith("."):
        yield 0, 0, Literal(How.WHOLE, bare[1:])
        yield 1, len(bare), Literal(How.ENDS, bare)
    elif bare.endswith(".*"):
        yield 2, len(bare), Literal(How.BEGINS, bare[:-1])
    elif bare and bare != "_":
        yield 0, 0, Literal(How.WHOLE, bare)


class _Server:
    def __init__(self, site: Site, server: Directive, flow: Flow) -> None:
        self._site = site
        self._server = server
        self._flow = flow
        named = server.last("server_name")
        flow.server_name = named[0] if named else ""

    def stages(self) -> Iterator[ProxyStage]:
        levels = (self._site.block, self._server)
        before = Rewriting(levels, self._flow)
        before.run(self._server.block or ())
        if before.rules:
            yield ProxyStage("server rewrite", tuple(before.rules))
        choices = list(_locations(self._server))
        branches: dict[str, tuple[ProxyStage, ...]] = {}
        for _, location in choices:
            key = str(location.source)
            if key not in branches:
                branches[key] = tuple(self._location(location))
        yield from parted("location", [(test, str(one.source), one.source) for test, one in choices], branches)

    def _location(self, location: Directive) -> Iterator[ProxyStage]:
        flow = self._flow.copy()
        inner = location is not self._server
        levels = (self._site.block, self._server, location) if inner else (self._site.block, self._server)
        rewriting = Rewriting(levels, flow)
        if inner:
            rewriting.run(location.block or ())
            if rewriting.rules:
                yield ProxyStage("rewrite", tuple(rewriting.rules))
        for name in LIMITS:
            if limits := nearest(levels, name):
                yield limited(limits)
        yield from _permission(levels)
        yield from doubts(levels)
        yield self._content(levels, rewriting, flow)

    def _content(self, levels: tuple[Directive, ...], rewriting: Rewriting, flow: Flow) -> ProxyStage:
        """What answers: the last ``if`` that holds and passes on, else the location; else a page of its own."""
        location = levels[-1]
        tried = nearest(levels, "try_files")
        inner = next((one for one in location.all("location")), None) if len(levels) > 2 else None
        hidden = location.last("internal") if len(levels) > 2 else None
        if hidden is not None:
            return ProxyStage("internal", (), DENIED, hidden.source)  # 404
        if tried or inner:
            because = "try_files is not followed" if tried else "locations in locations are not followed"
            return ProxyStage("location", (), Ruling(Act.OPEN, because), (tried or (inner or location,))[0].source)
        rules: list[ProxyRule] = []
        base = location.last("proxy_pass")
        for test, block in reversed(rewriting.passes):
            passed = block.last("proxy_pass") or base
            if test != NEVER and passed is not None:
                rules += self._passed(passed, test, levels, flow)
            elif test != NEVER:
                rules.append(ProxyRule(test, DENIED, block.source))
        if base is not None:
            rules += self._passed(base, ALWAYS, levels, flow)
        return ProxyStage("proxy_pass", tuple(rules), DENIED, location.source)

    def _passed(self, line: Directive, when: Test, levels: tuple[Directive, ...], flow: Flow) -> Iterator[ProxyRule]:
        towards = Towards(self._site.groups, DENIED, resolver=bool(nearest(levels, "resolver")))
        yield from towards.rules(flow.text(line[0]), when, line.source, fixed="$" not in line[0], scheme="http")


def _permission(levels: tuple[Directive, ...]) -> Iterator[ProxyStage]:
    """``allow`` and ``deny``, who is logged in (all users are), and what ``auth_request`` asks, with ``satisfy``."""
    found = tuple(access(levels, DENIED))
    login = next((one for one in nearest(levels, "auth_basic") if one[0] != "off"), None)
    asked = next((one for one in nearest(levels, "auth_request") if one[0] != "off"), None)
    satisfied = next(iter(nearest(levels, "satisfy")), None)
    either = satisfied is not None and satisfied[0] == "any"
    if asked is not None:
        yes = ProxyRule(Open(f"{asked.source}", "what auth_request asks decides"), PASS, asked.source)
        if not either:
            yield from found
            yield ProxyStage("auth_request", (yes,), DENIED, asked.source)
        elif login is None:
            yield ProxyStage("satisfy any", (yes, *(rule for stage in found for rule in stage.rules)))
    elif not (either and login is not None):
        yield from found


def _locations(server: Directive) -> Iterator[tuple[Test, Directive]]:
    """Which location a page belongs to: the very page, else the longest beginning unless an expression fits before."""
    path = Page("/")
    exact: list[tuple[Test, Directive]] = []
    begins: list[tuple[str, bool, Directive]] = []
    expressions: list[tuple[Test, Directive]] = []
    for one in server.all("location"):
        sign, word = (one[0], one[1]) if len(one.words) > 1 else ("", one[0])
        if word.startswith("@"):
            continue
        if not sign and word.startswith(("=", "~", "^~")):
            sign = next(sign for sign in ("^~", "~*", "~", "=") if word.startswith(sign))
            word = word.removeprefix(sign)
        match sign:
            case "=":
                exact.append((fits(path, (Literal(How.WHOLE, word),)), one))
            case "~" | "~*":
                expressions.append((fits(path, (regex(word, fold=sign == "~*"),)), one))
            case _:
                begins.append((word, sign == "^~", one))
    yield from (one for one in exact if one[0] != NEVER)
    for word, final, one in sorted(begins, key=lambda entry: -len(entry[0])):
        test = fits(path, (Literal(How.BEGINS, word),))
        if test != NEVER:
            if not final:
                yield from ((every((test, other)), there) for other, there in expressions if other != NEVER)
            yield test, one
    yield from (one for one in expressions if one[0] != NEVER)
    yield ALWAYS, server
