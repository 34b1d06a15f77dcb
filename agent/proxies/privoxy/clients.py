"""permit-access and deny-access: who may connect, and to where (``acl_addr`` and ``block_acl`` in filters.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.intervals import Intervals, as_address
from agent.model.proxy import (
    ALWAYS,
    DENIED,
    DROPPED,
    PASS,
    AllOf,
    Clients,
    Open,
    Ports,
    ProxyRule,
    ProxyStage,
    Targets,
)
from agent.proxies.privoxy.lines import atoi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.privoxy.config import Configuration, Directive

Place = tuple[tuple[tuple[int, Intervals], ...] | None, int | None]
"""Addresses by family (None: those of a name), and the port where one is named."""


def connecting(config: Configuration) -> Iterator[ProxyStage]:
    """Whose connection is taken: the last line about a client decides, wherever it wants to go."""
    found = _lines(config)
    if found:
        rules = tuple(
            ProxyRule(_clients(one), PASS if one.name == "permit-access" else DROPPED, one.source) for one in found
        )
        yield ProxyStage("permit-access/deny-access", rules, DROPPED, found[0].source)


def going(config: Configuration) -> Iterator[ProxyStage]:
    """Where it may go: the last line about a client and a server's address decides."""
    found = _lines(config)
    if tells_servers_apart(config):
        rules = tuple(
            ProxyRule(
                AllOf((_clients(one), *_servers(one))), PASS if one.name == "permit-access" else DENIED, one.source
            )
            for one in found
        )
        yield ProxyStage("permit-access/deny-access to servers", rules, DENIED, found[0].source)


def tells_servers_apart(config: Configuration) -> bool:
    """Whether a line is about some servers."""
    return any(len(one.words) == 2 for one in _lines(config))


def reaching(config: Configuration, upstream: str) -> Iterator[tuple[Test, bool, Source]]:
    """Who may go to a next proxy, ``host:port``: the first that fits decides, and who fits none may not."""
    host, _, port = upstream.rpartition(":")
    address = as_address(host.strip("[]"))
    for line in _lines(config):
        place = _place(line.words[1]) if len(line.words) == 2 else None
        tests: list[Test] = [_clients(line)]
        if place and (address is None or place[0] is None):
            tests.append(
                Open(f"{line.words[1]} is {host}", f"it depends on the addresses of {host} and {line.words[1]}")
            )
        elif place and address and place[0] is not None:
            there = dict(place[0]).get(address[0], Intervals())
            if address[1] not in there or (place[1] is not None and str(place[1]) != port):
                continue
        yield AllOf(tuple(tests)), line.name == "permit-access", line.source


def _lines(config: Configuration) -> list[Directive]:
    """The lines that count, the last first; those with too many words or absurd masks are left out."""
    found = [one for one in config.all("permit-access", "deny-access") if 0 < len(one.words) < 3]
    return [one for one in reversed(found) if all(_place(word) is not None for word in one.words)]


def _clients(line: Directive) -> Test:
    place = _place(line.words[0])
    if place is None or place[0] is None:
        return Open(f"client is {line.words[0]}", f"it depends on the addresses of {line.words[0]}")
    return Clients(place[0])  # a client's port is nobody's choice: what is written of it hardly ever fits


def _servers(line: Directive) -> Iterator[Test]:
    if len(line.words) < 2:
        return
    place = _place(line.words[1])
    if place is None or place[0] is None:
        yield Open(f"server is {line.words[1]}", f"it depends on the addresses of {line.words[1]}")
        return
    yield Targets(place[0]) if place[0] else ALWAYS
    if place[1] is not None:
        yield Ports(Intervals.single(place[1]))


def _place(text: str) -> Place | None:
    """Read ``address[:port][/length]``; None where Privoxy leaves the line out."""
    spec, slash, length = text.partition("/")
    if slash and (not length[:1].isdecimal() or atoi(length) > 128):
        return None
    port: str | None = None
    if spec.startswith("[") and "]" in spec:
        spec, _, rest = spec[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else None
    elif ":" in spec:
        spec, _, port = spec.partition(":")
    number = atoi(port) if port else None
    found = as_address(spec)
    if spec.lower() == "localhost":
        return ((4, Intervals.single(0x7F000001)), (6, Intervals.single(1))), number
    if found is None:
        return None, number
    family, value = found
    width = 32 if family == 4 else 128
    return _alike(family, value, min(atoi(length), width) if slash else width), number


def _alike(family: int, value: int, bits: int) -> tuple[tuple[int, Intervals], ...]:
    """The addresses of both families that begin with the same bits (``match_sockaddr``): all where there are none.

    That an address is of another family is not looked at; IPv4 addresses written as IPv6 are taken for what they are.
    """
    if family == 6 and value >> 32 == 0xFFFF:
        (same, _), other = _alike(4, value & 0xFFFFFFFF, max(bits - 96, 0)), _within(128, value, bits)
        return same, (6, other)
    if family == 4:
        own = _within(32, value, bits)
        return (4, own), (6, _within(128, value << 96, bits))
    others = Intervals()
    if bits <= 32 or not value << 32 & (1 << 128) - (1 << 160 - bits) & (1 << 128) - 1:  # zeros follow an IPv4 address
        others = _within(32, value >> 96, min(bits, 32))
    return (4, others), (6, _within(128, value, bits))


def _within(width: int, value: int, bits: int) -> Intervals:
    rest = (1 << width - bits) - 1
    return Intervals.span(value & ~rest, value | rest)
