"""The end of a course: which server a backend sends a request to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals
from agent.model.proxy import (
    ALLOWED,
    ALWAYS,
    DENIED,
    DROPPED,
    NEVER,
    Act,
    Form,
    Open,
    Ports,
    ProxyRule,
    ProxyStage,
    Ruling,
    Targets,
)
from agent.model.record import record
from agent.proxies.haproxy.keywords import SERVERS
from agent.proxies.haproxy.rules import guarded
from agent.proxies.variables.logic import every, opposite
from agent.proxies.variables.values import Const, Found, Port, Spelled, Target, ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.haproxy.flow import Flow
    from agent.proxies.haproxy.sections import Section

ALL_OF_IPV6: Final = Intervals.span(0, (1 << 128) - 1)
ANY: Final = ("", "*", "0.0.0.0", "::", "[::]")  # noqa: S104 - addresses that mean: where the client wanted to go


@record
class Server:
    """One ``server`` line that is used."""

    name: str
    place: str
    words: tuple[str, ...]
    source: Source
    unknown: tuple[str, ...] = ()


def servers(section: Section) -> tuple[Server, ...]:
    """The servers that are used: not those that are disabled, and backups where there are no others."""
    preset = tuple(word for line in section.all("default-server") for word in line.words[1:])
    found = []
    for line in section.own("server"):
        words = (*preset, *line.words[3:])
        off = _last(words, "disabled", "enabled") == "disabled"
        if not off:
            found.append(Server(line[1], line[2], words, line.source, line.unknown))
    found += [  # server-template PREFIX NUMBER PLACE
        Server(line[1], line[3], (*preset, *line.words[4:]), line.source, line.unknown)
        for line in section.own("server-template")
    ]
    first = tuple(one for one in found if _last(one.words, "backup", "no-backup") != "backup")
    return first or tuple(found)


def _last(words: tuple[str, ...], *names: str) -> str:
    return next((word for word in reversed(words) if word in names), "")


def endings(section: Section, flow: Flow) -> ProxyStage:
    """The stage that ends a course in a backend."""
    usable = servers(section)
    nothing = DENIED if flow.http else DROPPED
    dispatch = next(iter(section.own("dispatch")), None)
    if dispatch is not None:
        return ProxyStage("dispatch", (), _fixed(dispatch[1]), dispatch.source)
    if not usable and (section.option("transparent") or section.last("transparent")):
        line = section.last("option", "transparent") or section.last("transparent")
        source = line.source if line else section.source
        return ProxyStage("option transparent", tuple(_to(Server("", "", (), source), flow, ALWAYS)), nothing, source)
    if not usable:
        return ProxyStage("server", (), nothing, section.source)
    rules = [*_chosen(section, usable, flow)]
    shared = [one for one in usable if " weight 0 " not in f" {' '.join(one.words)} "]
    for at, server in enumerate(shared):
        doubt = Open(f"balance {section.name} {at}", "several servers share the requests")
        rules += _to(server, flow, ALWAYS if at == len(shared) - 1 else doubt)
    return ProxyStage("server", tuple(rules), nothing, usable[-1].source)


def _chosen(section: Section, usable: tuple[Server, ...], flow: Flow) -> Iterator[ProxyRule]:
    """``use-server``."""
    for line in section.own("use-server"):
        server = next((one for one in usable if one.name == line[1]), None)
        test = guarded(line, line.words[2:], section, flow)
        if server is not None and test != NEVER:
            yield from _to(server, flow, test)


def _fixed(place: str) -> Ruling:
    return Ruling(Act.ALLOW, upstream=place.rpartition("@")[2])


def _parted(place: str) -> tuple[str, str]:
    """Address and port of ``address:port``, ``[address]:port`` or ``ipv4@address``; ``::`` alone has no port."""
    bare = place.rpartition("@")[2]
    host, colon, port = bare.rpartition(":")
    return (host, port) if colon and (host.count(":") == 0 or host.endswith("]")) else (bare, "")


def _to(server: Server, flow: Flow, when: Test) -> Iterator[ProxyRule]:
    """The rules that send a request to one server."""
    source = server.source
    if server.unknown:
        yield ProxyRule(when, Ruling(Act.OPEN, f"{server.unknown[0]} is not known"), source)
        return
    doubt = next((because for word in server.words if (because := SERVERS.open.get(word))), "")
    if doubt:
        flow.gap(f"line {source.line}: {doubt}", source)
        yield ProxyRule(when, Ruling(Act.OPEN, doubt), source)
        return
    host, port = _parted(server.place)
    if host not in ANY:
        yield ProxyRule(when, _fixed(server.place), source)
        return
    if any(word.startswith("send-proxy") for word in server.words):
        yield ProxyRule(when, Ruling(Act.OPEN, "a PROXY header is sent to the named server"), source)
        return
    for test, where in ways(flow.dst):
        for ports, ruling in _towards(where, flow, port, ssl=_last(server.words, "ssl", "no-ssl") == "ssl"):
            yield ProxyRule(every((when, test, ports)), ruling, source)


def _towards(where: object, flow: Flow, port: str, *, ssl: bool) -> Iterator[tuple[Test, Ruling]]:
    """What becomes of a request that goes to the address that it is meant for, or to one that a rule found."""
    nothing = DENIED if flow.http else DROPPED
    ports = [one for _, one in ways(flow.dst_port)]
    known = [one.text for one in ports if isinstance(one, Const)]
    if isinstance(where, Const):
        own = not port and not flow.explicit and all(isinstance(one, Port) for one in ports)
        number = port or "".join(known[:1])
        yield ALWAYS, Ruling(Act.ALLOW, upstream=where.text if own or not number else f"{where.text}:{number}")
        return
    if isinstance(where, Target) and flow.explicit:
        yield ALWAYS, nothing  # its own address
        return
    if isinstance(where, Target) and not flow.tproxy:
        yield Targets(((6, ALL_OF_IPV6),)), nothing  # after NAT it only sees its own address (``tcp_get_dst``)
    named = isinstance(where, Found) and isinstance(where.name, Spelled) and not where.name.before
    if not named and not isinstance(where, Target):
        yield ALWAYS, Ruling(Act.OPEN, "where it is sent to depends on more than the configuration")
        return
    if named:
        flow.looked_up.add(flow.form)
    if flow.form is Form.CONNECT and flow.http:
        yield ALWAYS, nothing  # CONNECT is passed on to a server that is no proxy
        return
    if port or len(known) == len(ports) == 1:
        only = int(port or known[0]) if (port or known[0]).isdecimal() else 0
        asked = Ports(Intervals.single(only))
        yield opposite(asked), Ruling(Act.OPEN, f"it is sent to port {only} of the server")
    elif flow.explicit:
        yield ALWAYS, nothing  # the proxy's own port
        return
    if flow.decrypted and not ssl:
        yield ALWAYS, Ruling(Act.OPEN, "it is sent in cleartext to a port for TLS")
    yield ALWAYS, ALLOWED
