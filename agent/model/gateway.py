"""The whole host as the judge sees it."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from agent.model.firewall import Firewall
from agent.model.network import Network
from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.intervals import Intervals
    from agent.model.naming import FilledSet, ResolvedName
    from agent.model.network import HostsEntry, Nameserver, ProxySetting, Service
    from agent.model.pac import Pac
    from agent.model.proxy import Proxy
    from agent.model.resolver import Resolver
    from agent.model.routing import BgpSession
    from agent.model.source import Gap


@record
class Zone:
    """Clients that share a way in: an interface and their addresses, or the host itself.

    ``interface`` is None for the host itself. ``sources`` maps a family (4, 6) to the clients' addresses.
    """

    name: str
    interface: str | None
    sources: tuple[tuple[int, Intervals], ...] = ()

    def source_addresses(self, family: int) -> Intervals | None:
        """Give the clients' addresses of this family, or None where there are none."""
        return dict(self.sources).get(family)

    def sources_of(self, family: int) -> tuple[tuple[int, Intervals], ...]:
        """Give the sources of one family alone: who sends packets to an address of that family."""
        return tuple(one for one in self.sources if one[0] == family)


@record
class Gateway:
    """Immutable; every element carries its Source."""

    firewall: Firewall = field(default_factory=Firewall)
    network: Network = field(default_factory=Network)
    hosts: tuple[HostsEntry, ...] = ()
    proxy_settings: tuple[ProxySetting, ...] = ()
    services: tuple[Service, ...] = ()
    resolvers: tuple[Resolver, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    pacs: tuple[Pac, ...] = ()
    nameservers: tuple[Nameserver, ...] = ()
    zones: tuple[Zone, ...] = ()
    filled_sets: tuple[FilledSet, ...] = ()
    bgp: tuple[BgpSession, ...] = ()
    resolved_names: tuple[ResolvedName, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    """What an administrator should know, without a full stop."""
