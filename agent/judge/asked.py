"""Whom a zone's clients, this host and its proxies ask for addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.judge.arrivals import Arrival, at_own, on_the_way
from agent.judge.zones import own_addresses
from agent.model.intervals import Intervals, address_value, is_loopback
from agent.model.vocabulary import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.judge.reach import Prover
    from agent.model.gateway import Gateway, Zone
    from agent.model.resolver import Resolver, View

PORT: Final = 53
Asked = tuple["Resolver", tuple["View", ...]]
"""A resolver, and the views that somebody sees."""


def serving(gateway: Gateway, prover: Prover, zone: Zone) -> Iterator[Asked]:
    """Those that a zone's clients reach, by themselves or because NAT leads their questions there.

    This host's own programs ask whom resolv.conf names.
    """
    if zone.name == HOST:
        yield from asked_at(gateway, [one.address for one in gateway.nameservers])
        return
    places = [
        *at_own(gateway, prover, zone, "udp", PORT),
        *on_the_way(gateway, prover, zone, "udp", PORT),
    ]
    for resolver in gateway.resolvers:
        views: dict[View, None] = {}
        for place in places:
            clients = zone.source_addresses(place.family)
            if clients and any(place.takes(one, resolver.addresses) for one in resolver.listeners):
                views |= dict.fromkeys(resolver.views_of(place.family, clients))
        if answering := tuple(view for view in views if view.serves):
            yield resolver, answering


def asked_at(gateway: Gateway, servers: Sequence[str]) -> Iterator[Asked]:
    """The resolvers here that a program of this host asks by these addresses (``address`` or ``address#port``)."""
    for resolver in gateway.resolvers:
        views: dict[View, None] = {}
        for server in servers:
            address, _, port = server.partition("#")
            try:
                family, value = address_value(address)
            except ValueError:
                continue
            local = not resolver.addresses
            if local and not (is_loopback(address) or value in own_addresses(gateway.network, family)):
                continue
            place = Arrival(family, address, int(port or PORT), local)
            if any(place.takes(one, resolver.addresses) for one in resolver.listeners):
                # a packet to an address of one's own comes from that address
                views |= dict.fromkeys(resolver.views_of(family, Intervals.single(value)))
        if answering := tuple(view for view in views if view.serves):
            yield resolver, answering
