"""Interfaces, routes and the other facts of a host that decide which way a packet goes."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.intervals import Interval
    from agent.model.source import Source


@record
class Address:
    """An address of an interface: ``value`` is the host's own, ``network`` the interval of its prefix."""

    family: int
    value: int
    network: Interval
    length: int
    scope: str = "global"
    """``global``, ``link``, ``host``, as iproute2 prints it."""
    broadcast: int | None = None
    peer: bool = False


@record
class Interface:
    """A network interface. ``kind`` is iproute2's ``linkinfo.info_kind`` (bridge, veth, wireguard...)."""

    name: str
    index: int
    up: bool
    loopback: bool = False
    kind: str = ""
    master: str = ""
    addresses: tuple[Address, ...] = ()
    group: int | None = 0
    """None where it is a name of this host's own (/etc/iproute2/group)."""


@record
class Route:
    """One route. ``type`` as iproute2 prints it: unicast, local, broadcast, blackhole, unreachable..."""

    family: int
    table: str
    """Name or number as text: ``main``, ``local``, ``100``."""
    destination: Interval
    length: int
    type: str = "unicast"
    devices: tuple[str, ...] = ()
    """More than one for a multipath route; empty where the packet stops here."""
    gateway: str = ""
    metric: int = 0
    linkdown: bool = False
    source: Source | None = None


@record
class RoutingRule:
    """One policy-routing rule (``ip rule``); conditions that are None always hold."""

    family: int
    priority: int
    action: str
    """``lookup``, ``goto``, ``nop``, ``blackhole``, ``unreachable`` or ``prohibit``."""
    table: str = ""
    goto: int | None = None
    inverted: bool = False
    src: Interval | None = None
    dst: Interval | None = None
    iif: str | None = None
    oif: str | None = None
    mark: int | None = None
    mask: int = 0xFFFFFFFF
    protocol: int | None = None
    sport: Interval | None = None
    dport: Interval | None = None
    unknown: str = ""
    """A condition that was not understood; the rule is then followed both ways."""
    suppress_prefixlength: int | None = None
    """Ignore results of this prefix length or shorter (WireGuard's wg-quick uses 0)."""

    @property
    def looks_beyond_destination(self) -> bool:
        """Whether it depends on more of a packet than its destination and mark."""
        found = (self.src, self.iif, self.oif, self.protocol, self.sport, self.dport)
        return bool(self.unknown) or any(one is not None for one in found)


@record
class Network:
    """All that routing depends on; ``known`` is False for bare dumps, where no road can be computed."""

    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[RoutingRule, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """By dotted name: ``net.ipv4.ip_forward`` to ``1``; a dot inside an interface name is written ``/``."""
    known: bool = False


@record
class HostsEntry:
    """One name of one line of a hosts file, lower case, without trailing dot."""

    name: str
    family: int
    address: int
    source: Source


@record
class Nameserver:
    """A server that this host's own programs ask."""

    address: str
    source: Source


class ProxyScheme(StrEnum):
    """What a proxy setting applies to."""

    HTTP = "http"
    HTTPS = "https"
    ALL = "all"
    FTP = "ftp"


@record
class ProxySetting:
    """A system-wide proxy for the programs of this host; passwords never get here."""

    scheme: ProxyScheme
    url: str
    """Empty where the setting says: no proxy."""
    no_proxy: tuple[str, ...]
    audience: str
    """Who obeys it: ``environment``, ``apt``, ``systemd``."""
    source: Source


@record
class Listener:
    """A listening socket; ``address`` is ``0.0.0.0`` or ``::`` for every address."""

    proto: str
    address: str
    port: int


@record
class Service:
    """A program that may decide about web access: a proxy, a resolver, a firewall manager."""

    name: str
    """The program: ``squid``, ``unbound``, ``ufw``..."""
    role: str
    """``proxy``, ``resolver``, ``firewall-manager``."""
    pid: int
    arguments: tuple[str, ...] = ()
    config_file: str = ""
    listeners: tuple[Listener, ...] = ()
