"""What every kind offers: questions to the host, and a reader for the answers.

A kind is a module or package under ``agent/firewalls``, ``proxies``, ``resolvers`` or ``facts`` with a
top-level ``KIND``. It is found by looking (see catalog.py); nothing is registered.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.model.firewall import Table
    from agent.model.naming import FilledSet, ResolvedName
    from agent.model.network import HostsEntry, Nameserver, Network, ProxySetting, Service
    from agent.model.pac import Pac
    from agent.model.proxy import Proxy
    from agent.model.resolver import Resolver
    from agent.model.routing import BgpSession
    from agent.model.source import Gap
    from agent.snapshot import Snapshot, Want


@record
class Piece:
    """What one kind read: any part of the gateway, and what it did not understand."""

    tables: tuple[Table, ...] = ()
    network: Network | None = None
    hosts: tuple[HostsEntry, ...] = ()
    proxy_settings: tuple[ProxySetting, ...] = ()
    services: tuple[Service, ...] = ()
    resolvers: tuple[Resolver, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    pacs: tuple[Pac, ...] = ()
    nameservers: tuple[Nameserver, ...] = ()
    filled_sets: tuple[FilledSet, ...] = ()
    bgp: tuple[BgpSession, ...] = ()
    resolved_names: tuple[ResolvedName, ...] = ()
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    """What an administrator should know, without a full stop."""


@record
class Kind:
    """One kind of firewall, proxy, resolver or fact."""

    name: str
    wants: Callable[[Snapshot], Iterable[Want]]
    """What to ask, given what is known so far; asked again until nothing new is wanted."""
    read: Callable[[Snapshot, frozenset[str]], Piece]
    """The snapshot and the names of interest (lower case, without trailing dot) to a piece of the model."""
    elsewhere: tuple[str, ...] = ()
    """Listings of rules that only collect.sh can take."""
    recognise: Callable[[bytes], str | None] = field(default=lambda _: None)
    """For a bare dump: the artifact name these bytes would have in a snapshot, or None."""
