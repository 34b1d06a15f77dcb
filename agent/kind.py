"""What every kind offers: questions to the host, and a reader for the answers.

A kind is a module or package under ``agent/firewalls``, ``proxies``, ``resolvers`` or ``facts`` with a
top-level ``KIND``. It is found by looking (see catalog.py); nothing is registered.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from agent.model.names import Interest
from agent.model.proxy import Proxy
from agent.model.record import record
from agent.snapshot import Files, Want
from agent.snapshot.following import Following
from agent.snapshot.programs import unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agent.model.firewall import Table
    from agent.model.naming import FilledSet, ResolvedName
    from agent.model.network import HostsEntry, Nameserver, Network, ProxySetting, Service
    from agent.model.pac import Pac
    from agent.model.resolver import Resolver
    from agent.model.routing import BgpSession
    from agent.model.source import Gap
    from agent.snapshot import Snapshot
    from agent.snapshot.programs import Program


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
    programs: Callable[[Snapshot], Iterable[Program]],
    build: Callable[[Program, Following, Interest], Proxy | Resolver],
    follow: Callable[[Program, Following], object] | None = None,
    units: Sequence[str] = (),
) -> Kind:
    """Make the kind of programs that follow files.

    ``programs`` gives those that are present, ``build`` what one of them is; ``follow`` asks for its files alone, where
    to build takes long. ``units`` are the links by which systemd starts them.
    """

    def wants(snapshot: Snapshot) -> Iterator[Want]:
        """The files of each that runs or starts at boot."""
        for unit in units or (unit_of(name),):
            if f"files{unit}" not in snapshot.artifacts:
                yield Want("files", Files(unit))
        for program in programs(snapshot):
            following = Following.of(snapshot, name, program)
            if follow:
                follow(program, following)
            else:
                build(program, following, NOBODY)
            yield from following.wants

    def read(snapshot: Snapshot, interest: frozenset[str]) -> Piece:
        """One proxy or resolver for each."""
        proxies: list[Proxy] = []
        resolvers: list[Resolver] = []
        for program in programs(snapshot):
            one = build(program, Following.of(snapshot, name, program), Interest(interest))
            if isinstance(one, Proxy):
                proxies.append(replace(one, addresses=program.addresses))
            else:
                listeners = program.listeners or one.listeners
                resolvers.append(replace(one, listeners=listeners, addresses=program.addresses))
        gaps = (gap for found in (proxies, resolvers) for one in found for gap in one.gaps)
        return Piece(proxies=tuple(proxies), resolvers=tuple(resolvers), gaps=tuple(gaps))

    return Kind(name, wants, read)
