"""What danted.conf does with a connection: client rules, socks rules, routes (``sockd/rule.c``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from agent.errors import Malformed
from agent.model.intervals import address_text, address_value
from agent.model.network import Listener
from agent.model.proxy import (
    ALLOWED,
    ALWAYS,
    DENIED,
    DROPPED,
    NEVER,
    PASS,
    Act,
    AllOf,
    Door,
    Form,
    Not,
    Open,
    Proxy,
    ProxyRule,
    ProxyStage,
    Ruling,
)
from agent.model.source import Gap, Source
from agent.proxies.dante.mistakes import mistakes
from agent.proxies.dante.options import OPEN, entry
from agent.proxies.dante.places import EVERYWHERE, of_client, of_door, of_server
from agent.proxies.dante.words import written
from agent.snapshot import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.model.proxy import Test
    from agent.proxies.dante.places import Interfaces
    from agent.proxies.dante.words import Address, Block, Written
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following

NAME: Final = "dante"
PORT: Final = 1080
INTERFACES: Final = "ip-addr.json"
HARMLESS_WRAPPERS: Final = ("spawn", "severity", "nice", "setenv", "umask", "keepalive", "linger")
"""Options of libwrap (hosts_options(5)) that end no connection."""


def proxy(path: str, following: Following, interest: Interest, known: Interfaces) -> Proxy:
    """Read one file; where the program would refuse it, all is open. ``known``: this host's interfaces."""
    artifact = following.file(path, Source(f"files{path}", ""))
    if artifact is None:
        return _unread(Source(f"files{path}", ""), following.gaps)
    source = Source(artifact.name, "")
    try:
        found = written(artifact)
    except Malformed as error:
        return _unread(source, (Gap(NAME, f"{path}: {error}", Source(artifact.name, "", error.line)),))
    reader = _Reader(found, interest, known)
    doors = tuple(reader.doors())
    if not doors:
        return _unread(source, (Gap(NAME, f"{path}: no internal address", source),))
    return Proxy(
        NAME,
        doors,
        source,
        families=reader.families,
        mistakes=tuple(mistakes(found, interest)),
        gaps=(*following.gaps, *reader.gaps),
    )


def _unread(source: Source, gaps: tuple[Gap, ...]) -> Proxy:
    """One door behind which nothing is known."""
    because = gaps[0].reason if gaps else "its configuration is not there"
    stage = ProxyStage("configuration", (), Ruling(Act.OPEN, because), source)
    return Proxy(
        NAME, (Door(Listener("tcp", EVERYWHERE[0], PORT), ((Form.SOCKS, (stage,)),), source),), source, gaps=gaps
    )


def interfaces(snapshot: Snapshot) -> dict[str, tuple[tuple[int, int], ...]]:
    """Addresses of this host's interfaces but those of links, as iproute2 lists them; none where it is not known."""
    artifact = snapshot.get(INTERFACES)
    if artifact.status is not Status.OK:
        return {}
    try:
        return {
            str(one["ifname"]): tuple(
                address_value(info["local"])
                for info in one["addr_info"]
                if "local" in info and info.get("scope") != "link"
            )
            for one in orjson.loads(artifact.data)
            if one
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


class _Reader:
    def __init__(self, found: Written, interest: Interest, interfaces: Interfaces) -> None:
        self._found = found
        self._interest = interest
        self._interfaces = interfaces
        self._methods = frozenset(found.values("socksmethod", "method"))
        self._resolves = "fake" not in found.values("resolveprotocol")
        routes = [block for block in found.blocks if block.kind == "route"]
        self._routes = sorted(routes, key=lambda block: not _is_direct(block))
        """Those that lead directly come first."""

    @property
    def families(self) -> frozenset[int]:
        """Families of the external addresses, of which there are both behind an interface or a name."""
        wanted = {int(one[-1]) for one in self._found.values("external.protocol") if one in ("ipv4", "ipv6")} or {4, 6}
        there: set[int] = set()
        for address, _ in self._found.addresses("external"):
            if address.block:
                there.add(address.block[0])
            elif address.text in self._interfaces:
                there |= {family for family, _ in self._interfaces[address.text]}
            else:
                there |= {4, 6}
        return frozenset(wanted & there)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(Gap(NAME, because, source) for _, because, source in self._open_settings())

    def doors(self) -> Iterator[Door]:
        """One for each internal address; an interface whose addresses are not known has one for all."""
        for address, source in self._found.addresses("internal"):
            port = _port(address)
            own = (address.block[0], address.block[1][0]) if address.block else None
            known = (own,) if own else self._interfaces.get(address.text, ())
            for text in [address_text(value, family) for family, value in known] or [EVERYWHERE[0]]:
                listener = Listener("tcp", text, port)
                yield Door(listener, ((Form.SOCKS, tuple(self._stages(listener))),), source)

    def _stages(self, listener: Listener) -> Iterator[ProxyStage]:
        for key, because, source in self._open_settings():
            yield ProxyStage(key, (), Ruling(Act.OPEN, because), source)
        for name, word in (("libwrap.hosts_access", "yes"), ("srchost", "nodnsunknown"), ("srchost", "nodnsmismatch")):
            for one in self._found.settings:
                if one.name == name and word in one.values:
                    test = Open(f"{name} {word}", f"{name}: {word} looks at who the client is")
                    yield ProxyStage(name, (ProxyRule(test, DROPPED, one.source),))
        rules = [
            rule for one in self._found.blocks if one.kind == "client" for rule in self._client_rule(one, listener)
        ]
        yield ProxyStage("client rules", tuple(rules), DROPPED)
        if "none" not in self._methods or any(self._wants_login(one) for one in self._found.blocks):
            yield self._login()
        rules = [rule for one in self._found.blocks if one.kind == "socks" for rule in self._socks_rule(one)]
        yield ProxyStage("socks rules", tuple(rules), DENIED)
        for by_address in (False, True) if self._routes else (False,):
            title = "routes, by address" if by_address else "routes"
            # with routes, there is no other way than by one of them
            otherwise = DENIED if self._routes else ALLOWED
            yield ProxyStage(title, tuple(self._route_rules(by_address=by_address)), otherwise)

    # ---- what is open ----

    def _open_settings(self) -> Iterator[tuple[str, str, Source]]:
        for one in (*self._found.settings, *(each for block in self._found.blocks for each in block.attributes)):
            listed = entry(one.name)
            if listed in OPEN:
                yield one.name, f"{one.name}: {OPEN[listed]}", one.source
        for block in self._found.blocks:
            if block.kind == "hostid":
                yield "hostid", f"hostid: {OPEN['hostid']}", block.source
        if not self._resolves:
            source = next(one.source for one in self._found.settings if one.name == "resolveprotocol")
            yield "resolveprotocol", "resolveprotocol: names are left to another proxy", source

    def _wants_login(self, block: Block) -> bool:
        methods = block.values("socksmethod")
        return block.kind == "client" and block.passes and bool(methods) and "none" not in methods

    def _login(self) -> ProxyStage:
        source = next((one.source for one in self._found.settings if one.name in ("socksmethod", "method")), None)
        if not self._methods:
            return ProxyStage("socksmethod", (), DROPPED, source)
        asked = f"clients have to log in (socksmethod: {' '.join(sorted(self._methods))})"
        test = Not(Open("logged in", asked))
        return ProxyStage("socksmethod", (ProxyRule(test, DROPPED, source or self._found.blocks[0].source),))

    # ---- rules ----

    def _client_rule(self, block: Block, listener: Listener) -> Iterator[ProxyRule]:
        source, target = _ends(block)
        test = _all(of_client(source, self._interfaces), of_door(target, listener, self._interfaces))
        methods = block.values("clientmethod", "method") or self._found.values("clientmethod") or ("none",)
        if "none" not in methods:
            test = _all(
                test, Open(f"clientmethod {methods}", f"clientmethod: {' '.join(methods)} asks who the client is")
            )
        yield ProxyRule(_all(test, *self._conditions(block)), _verdict(block, DROPPED), block.source)

    def _socks_rule(self, block: Block) -> Iterator[ProxyRule]:
        commands, protocols = block.values("command"), block.values("protocol")
        if (commands and "connect" not in commands) or (protocols and "tcp" not in protocols):
            return
        source, target = _ends(block)
        versions = block.values("proxyprotocol")
        tests = [of_client(source, self._interfaces), *self._conditions(block)]
        if versions and not {"socks_v4", "socks_v5"} <= set(versions):
            tests.append(Open(f"version {versions}", f"proxyprotocol: {' '.join(versions)}"))
        methods = frozenset(block.values("socksmethod", "method"))
        if methods and not methods >= self._methods:
            key = " ".join(sorted(methods))
            tests.append(Open(f"socksmethod {key}", f"it depends on how the client logs in: {key}"))
        accepted = self._found.values("clientmethod") or ("none",)
        wanted = block.values("clientmethod")
        if wanted and not set(wanted) >= set(accepted):
            tests.append(Open(f"clientmethod {wanted}", f"clientmethod: {' '.join(wanted)}"))
        server = of_server(target, self._interest, self._interfaces, resolves=self._resolves)
        ruling = _verdict(block, DENIED)
        if ruling != PASS or not self._routes:
            yield ProxyRule(_all(server, *tests), ruling, block.source)
            return
        by_name = of_server(target, self._interest, self._interfaces, resolves=False)
        if by_name != NEVER:
            yield ProxyRule(_all(by_name, *tests), PASS, block.source)
        if server != by_name:
            yield ProxyRule(_all(server, *tests), Ruling(Act.NEXT, skips=1), block.source)

    def _conditions(self, block: Block) -> Iterator[Test]:
        for one in block.attributes:
            if one.name in ("user", "group"):
                listed = " ".join(one.values)
                yield Open(f"{one.name} {listed}", f"it depends on who logs in ({one.name}: {listed})")

    def _route_rules(self, *, by_address: bool) -> Iterator[ProxyRule]:
        for block in self._routes:
            gateway = block.get("via")
            protocols = block.values("protocol")
            if gateway is None or gateway.address is None or (protocols and "tcp" not in protocols):
                continue
            source, target = _ends(block)
            test = _all(
                of_client(source, self._interfaces),
                of_server(target, self._interest, self._interfaces, resolves=self._resolves, by_address=by_address),
            )
            port = _port(gateway.address)
            ruling = ALLOWED if _is_direct(block) else Ruling(Act.ALLOW, upstream=f"{gateway.address.text}:{port}")
            yield ProxyRule(test, ruling, block.source)


def _ends(block: Block) -> tuple[Address, Address]:
    """The addresses of ``from:`` and ``to:``."""
    source, target = block.get("from"), block.get("to")
    if source is None or target is None or source.address is None or target.address is None:
        raise Malformed("a rule without from: and to:")
    return source.address, target.address


def _is_direct(route: Block) -> bool:
    """Whether it leads to servers without another proxy."""
    gateway = route.get("via")
    return gateway is not None and gateway.address is not None and gateway.address.text == "direct"


def _port(address: Address) -> int:
    """The port of a socket: here one without an operator counts."""
    if address.ignored:
        return int(address.ignored)
    return address.ports.starts[0] if address.ports and address.ports.size() == 1 else PORT


def _verdict(block: Block, refusal: Ruling) -> Ruling:
    if not block.passes:
        return refusal
    for one in block.attributes:
        if one.name.startswith("session.") and one.name != "session.inheritable":
            return Ruling(Act.OPEN, f"{one.name}: only so many connections are let through")
        if one.name == "libwrap" and not one.values[0].startswith(HARMLESS_WRAPPERS):
            return Ruling(Act.OPEN, f"libwrap: {one.values[0]}")
    return PASS


def _all(*tests: Test) -> Test:
    left = tuple(one for one in tests if one != ALWAYS)
    return left[0] if len(left) == 1 else AllOf(left)
