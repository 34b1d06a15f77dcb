"""Whom systemd-resolved asks: the servers of the whole system, and those of each link, with the domains of each.

What networkd knows of links is in ``/run/systemd/netif/links``, what others said (NetworkManager, resolvectl) in
``/run/systemd/resolve/netif``. Where nothing runs, only what networkd's files say is known.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.source import Source
from agent.resolvers.resolved.ini import FALSE, FOLDERS, TRUE, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.resolvers.resolved.ini import Settings
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

LINKS: Final = "/run/systemd/netif/links/*"
BY_OTHERS: Final = "/run/systemd/resolve/netif/*"
RESOLV_CONF: Final = "/etc/resolv.conf"
STUBS: Final = ("127.0.0.53", "127.0.0.54")
UNMANAGED: Final = frozenset({"pending", "initialized", "unmanaged"})
USABLE: Final = frozenset({"", "unknown", "degraded", "degraded-carrier", "routable", "enslaved"})
"""States of links that may have servers (``link_relevant``)."""
_SERVER: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)|([0-9a-fA-F:.]+))(?::(\d+))?(?:%[^#]*)?(?:#.*)?")


@record
class Domain:
    """A domain for which servers are preferred; the empty name is every domain."""

    name: str
    for_routes_alone: bool


@record
class Scope:
    """Servers that are asked together, as ``address#port``."""

    servers: tuple[str, ...]
    domains: tuple[Domain, ...]
    default: bool
    """Whether they are asked where no domain fits."""
    source: Source
    usable: bool = True


def domain(text: str, *, for_routes: bool = False) -> Domain:
    """Read ``example.com`` or ``~example.com``."""
    return Domain(text.removeprefix("~").strip(".").lower(), for_routes or text.startswith("~"))


def server(text: str, *, over_tls: bool) -> str | None:
    """``1.2.3.4:53%eth0#name`` to ``1.2.3.4#53``; None where it is no address."""
    found = _SERVER.fullmatch(text)
    if found is None:
        return None
    address = found[1] or found[2] or found[3]
    return f"{address}#{found[4] or (853 if over_tls else 53)}" if as_address(address) else None


def scopes(settings: Settings, following: Following, *, runs: bool) -> tuple[Scope, ...]:
    """All scopes that have servers; the servers for lack of others count where there are none."""
    over_tls = settings.text("DNSOverTLS", "no") in TRUE
    links = tuple(_links(following, over_tls=over_tls) if runs else _planned(following, over_tls=over_tls))
    own = tuple(_system(settings, following, over_tls=over_tls))
    if own or links:  # the servers of a link count here even while nobody can ask them (``manager_get_dns_server``)
        return (*own, *(one for one in links if one.usable))
    fallback = settings.words("FallbackDNS")
    servers = tuple(one for text, _ in fallback if (one := server(text, over_tls=over_tls)))
    if servers or not settings.is_set("FallbackDNS"):  # else those that it was built with
        source = fallback[0][1] if fallback else Source(f"files{FOLDERS[0]}/resolved.conf", "FallbackDNS")
        return (
            Scope(servers, tuple(domain(word) for word, _ in settings.words("Domains")), default=True, source=source),
        )
    return ()


def _system(settings: Settings, following: Following, *, over_tls: bool) -> Iterator[Scope]:
    """The servers of the whole system; those of resolv.conf where nothing is set (``manager_read_resolv_conf``)."""
    domains = tuple(domain(word) for word, _ in settings.words("Domains"))
    words = settings.words("DNS")
    if not settings.is_set("DNS") and not settings.is_set("Domains"):
        artifact = following.file(RESOLV_CONF)
        if artifact is not None and "managed by man:systemd-resolved" not in artifact.text:
            words, domains = _resolv_conf(artifact)
    servers = tuple(one for text, _ in words if (one := server(text, over_tls=over_tls)))
    if servers:
        yield Scope(servers, domains, default=True, source=words[0][1])


def _resolv_conf(artifact: Artifact) -> tuple[tuple[tuple[str, Source], ...], tuple[Domain, ...]]:
    """Servers but for the stubs of resolved itself, and domains."""
    servers: list[tuple[str, Source]] = []
    domains: tuple[Domain, ...] = ()
    for number, line in enumerate(artifact.text.split("\n"), 1):
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and words[1] not in STUBS:
            servers.append((words[1], Source(artifact.name, line.strip(), number)))
        elif len(words) > 1 and words[0] in ("search", "domain"):
            domains = tuple(domain(word) for word in words[1:])
    return tuple(servers), domains


def _links(following: Following, *, over_tls: bool) -> Iterator[Scope]:
    """The scopes of links that there are now."""
    managed = set()
    for artifact in following.matching(LINKS):
        state = _state(artifact)
        if state.get("ADMIN_STATE", "") in UNMANAGED:
            continue
        managed.add(artifact.name.rpartition("/")[2])
        own_tls = state["DNS_OVER_TLS"] in TRUE if state.get("DNS_OVER_TLS") else over_tls
        domains = [domain(word) for word in state.get("DOMAINS", "").split()]
        domains += [domain(word, for_routes=True) for word in state.get("ROUTE_DOMAINS", "").split()]
        words, default = state.get("DNS", "").split(), state.get("DNS_DEFAULT_ROUTE", "")
        for scope in _scope(words, domains, default, Source(artifact.name, "DNS"), over_tls=own_tls):
            yield replace(scope, usable=state.get("OPER_STATE", "") in USABLE)
    for artifact in following.matching(BY_OTHERS):
        if artifact.name.rpartition("/")[2] not in managed:
            state = _state(artifact)
            said = state.get("DNS_OVER_TLS", state.get("DNSOVERTLS", ""))
            own_tls = said in TRUE if said else over_tls
            domains = [domain(word) for word in state.get("DOMAINS", "").split()]
            words, default = state.get("SERVERS", "").split(), state.get("DEFAULT_ROUTE", "")
            yield from _scope(words, domains, default, Source(artifact.name, "SERVERS"), over_tls=own_tls)


def _planned(following: Following, *, over_tls: bool) -> Iterator[Scope]:
    """What networkd's files say of links; what DHCP will say is not known."""
    names = {
        file.name.rpartition("/")[2] for folder in FOLDERS for file in following.matching(f"{folder}/network/*.network")
    }
    for name in sorted(names):
        settings = read(f"network/{name}", following, "Network")
        words = [word for word, _ in settings.words("DNS")]
        domains = [domain(word) for word, _ in settings.words("Domains")]
        source = next((one.source for one in settings if one.key == "DNS"), Source(name, ""))
        own_tls = settings.yes("DNSOverTLS", otherwise=over_tls)
        yield from _scope(words, domains, settings.text("DNSDefaultRoute", ""), source, over_tls=own_tls)


def _scope(
    words: Iterable[str], domains: Iterable[Domain], default: str, source: Source, *, over_tls: bool
) -> Iterator[Scope]:
    """A link's scope; one with domains for routes alone is no default (``dns_scope_is_default_route``)."""
    servers = tuple(one for text in words if (one := server(text, over_tls=over_tls)))
    found = tuple(domains)
    every = any(not one.name for one in found)
    otherwise = every or not any(one.for_routes_alone for one in found)
    is_default = default.lower() in TRUE or (default.lower() not in FALSE and otherwise)
    if servers:
        yield Scope(servers, found, is_default, source)


def _state(artifact: Artifact) -> dict[str, str]:
    """The assignments of a state file."""
    lines = (line.partition("=") for line in artifact.text.split("\n") if not line.startswith("#"))
    return {key.strip(): value.strip().strip('"') for key, equals, value in lines if equals}
