"""What every kind offers: questions to the host, and a reader for the answers.

A kind is a module or package under ``agent/firewalls``, ``proxies``, ``resolvers`` or ``facts`` with a
top-level ``KIND``. It is found by looking (see catalog.py); nothing is registered.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final

from agent.model.names import Interest
from agent.model.proxy import Proxy
from agent.model.record import record
from agent.model.resolver import Resolver
from agent.snapshot import Files, Want
from agent.snapshot.programs import unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agent.model.firewall import Table
    from agent.model.naming import FilledSet, ResolvedName
    from agent.model.network import HostsEntry, Nameserver, Network, ProxySetting, Service
    from agent.model.pac import Pac
    from agent.model.routing import BgpSession
    from agent.model.source import Gap
    from agent.snapshot import Snapshot
    from agent.snapshot.following import Following


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


NOBODY: Final = Interest({"invalid"})
"""Which files are named does not depend on names."""


def of_programs(
    name: str,
    programs: Sequence[str],
    found: Callable[[Snapshot, Interest], Iterable[tuple[Proxy | Resolver, Following]]],
) -> Kind:
    """Make the kind of programs that follow files: ``found`` gives each that is present, and the files it follows."""

    def wants(snapshot: Snapshot) -> Iterator[Want]:
        """The files of each that runs or starts at boot."""
        for program in programs:
            if f"files{unit_of(program)}" not in snapshot.artifacts:
                yield Want("files", Files(unit_of(program)))
        for _, following in found(snapshot, NOBODY):
            yield from following.wants

    def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
        """One proxy or resolver for each."""
        every = [one for one, _ in found(snapshot, Interest(interest))]
        return Piece(
            resolvers=tuple(one for one in every if isinstance(one, Resolver)),
            proxies=tuple(one for one in every if isinstance(one, Proxy)),
            gaps=tuple(gap for one in every for gap in one.gaps),
        )

    return Kind(name, wants, read)
