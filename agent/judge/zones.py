"""Who the clients are: interfaces with networks behind them, and the host itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.judge.reach import ANY
from agent.model.gateway import Zone
from agent.model.intervals import Intervals
from agent.model.public import PUBLIC
from agent.model.vocabulary import FORWARDED, HOST

if TYPE_CHECKING:
    from agent.model.network import Interface, Network


def find_zones(network: Network, named: frozenset[str] = frozenset()) -> tuple[Zone, ...]:
    """Zones of a host: each interface behind which clients live, if the host forwards, then the host.

    An uplink (the way to the public internet, or those ``named``) is no client zone. Without any facts about
    the network there is one zone for whatever is forwarded.
    """
    if not network.known:
        return (Zone(FORWARDED, ANY),)
    ups = named or uplinks(network, 4) | uplinks(network, 6)
    zones = []
    if _forwards(network):
        for interface in network.interfaces:
            if interface.loopback or not interface.up or interface.name in ups:
                continue
            sources = tuple((family, found) for family in (4, 6) if (found := _clients(network, interface, family)))
            if sources:
                zones.append(Zone(interface.name, interface.name, sources))
    return (*sorted(zones, key=lambda zone: zone.name), Zone(HOST, None))


def uplinks(network: Network, family: int) -> frozenset[str]:
    """Interfaces with a route to public addresses that are not their own network; empty: no way out."""
    tables = {rule.table for rule in network.rules if rule.family == family} - {"local"} or {
        "main",
        "default",
    }
    return frozenset(
        device
        for route in network.routes
        if route.family == family
        and route.type == "unicast"
        and route.table in tables
        and not (route.linkdown or _is_connected(network, route.devices, family, route.destination))
        and PUBLIC[family].overlaps(*route.destination)
        for device in route.devices
    )


def _is_connected(network: Network, devices: tuple[str, ...], family: int, destination: tuple[int, int]) -> bool:
    """Whether a route leads just to an interface's own network."""
    return any(
        address.family == family and address.network == destination
        for interface in network.interfaces
        if interface.name in devices
        for address in interface.addresses
    )


def own_addresses(network: Network, family: int) -> Intervals:
    """The host's own addresses."""
    return Intervals.of(
        (address.value, address.value)
        for interface in network.interfaces
        for address in interface.addresses
        if address.family == family
    )


def _forwards(network: Network) -> bool:
    return any(
        network.sysctls.get(name, "0") != "0"
        for name in ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding")
    )


def _clients(network: Network, interface: Interface, family: int) -> Intervals:
    """Addresses behind an interface: its networks and what is routed through it, less the host's own."""
    networks = [
        address.network
        for address in interface.addresses
        if address.family == family and address.scope == "global" and address.network[0] != address.network[1]
    ]
    routed = [
        route.destination
        for route in network.routes
        if route.family == family and route.type == "unicast" and interface.name in route.devices
        if not route.table.startswith("local") and not _link_local(route.destination, family)
    ]
    mine = own_addresses(network, family)
    if family == 4:  # the first and last address of a network are not a client's
        mine |= Intervals.of(pair for low, high in networks if high - low > 1 for pair in ((low, low), (high, high)))
    return Intervals.of([*networks, *routed]) - mine


def _link_local(destination: tuple[int, int], family: int) -> bool:
    return destination[0] >> 118 == 0x3FA if family == 6 else destination[0] >> 16 == 0xA9FE
