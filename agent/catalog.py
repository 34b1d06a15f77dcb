"""Finds the kinds by looking, and puts what they read together into one gateway."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
from agent.firewalls.merge import merge
from agent.kind import Kind, Piece
from agent.model.firewall import Dnat
from agent.model.gateway import Gateway
from agent.model.intervals import Intervals, address_value
from agent.model.network import Listener, Network
from agent.model.resolver import Fate, Outcome, Resolver, View
from agent.model.source import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.firewall import Table
    from agent.snapshot import Snapshot, Want

FIREWALLS: Final = "agent.firewalls"
ANYWHERE: Final = Intervals.span(0, (1 << 128) - 1)
RESOLVERS: Final = "agent.resolvers"
NO_NAMES: Final = frozenset({"invalid"})
"""The interest of questions about addresses alone: a name that nobody has (RFC 6761), so that no list is kept."""
PACKAGES: Final = ("agent.facts", FIREWALLS, "agent.proxies", RESOLVERS)


@cache
def _found() -> tuple[tuple[str, Kind], ...]:
    """Package and kind of every module or package with a ``KIND``, by place and name."""
    found = []
    for package in PACKAGES:
        for info in sorted(pkgutil.iter_modules(importlib.import_module(package).__path__), key=lambda one: one.name):
            kind = getattr(importlib.import_module(f"{package}.{info.name}"), "KIND", None)
            if isinstance(kind, Kind):
                found.append((package, kind))
    return tuple(found)


def kinds() -> tuple[Kind, ...]:
    """Every kind there is."""
    return tuple(kind for _, kind in _found())


def firewall_kinds() -> frozenset[str]:
    """Names of the kinds whose gaps leave the packet filter open."""
    return frozenset(kind.name for package, kind in _found() if package == FIREWALLS)


def wants(snapshot: Snapshot) -> Iterator[Want]:
    """All that the kinds want to know, given what is known."""
    for kind in kinds():
        yield from kind.wants(snapshot)


def recognise(data: bytes) -> str | None:
    """The artifact name of a bare dump, or None where no kind knows it."""
    return next((name for kind in kinds() if (name := kind.recognise(data)) is not None), None)


def _unread(package: str, kind: Kind, reason: str) -> Piece:
    """A gap; what a resolver that cannot be read at all answers is not known, whoever asks."""
    gap = Gap(kind.name, reason)
    if package != RESOLVERS:
        return Piece(gaps=(gap,))
    listeners = tuple(Listener("udp", address, 53) for address in ("0.0.0.0", "::"))  # noqa: S104 - read, not bound
    view = View((), Outcome(Fate.UNKNOWN, because=str(gap)))
    return Piece(resolvers=(Resolver(kind.name, (view,), listeners, gaps=(gap,)),), gaps=(gap,))


def _on_the_road(piece: Piece, tables: Sequence[Table]) -> Piece:
    """Leave out what runs in other network namespaces where NAT leads nobody: it is not this gateway's business."""
    if not any(one.addresses for one in piece.resolvers) and not any(one.addresses for one in piece.proxies):
        return piece
    targets = Intervals.union(_targets(tables))

    def led_to(addresses: tuple[str, ...]) -> bool:
        return not addresses or any(_value(address) in targets for address in addresses)

    resolvers = tuple(one for one in piece.resolvers if led_to(one.addresses))
    proxies = tuple(one for one in piece.proxies if led_to(one.addresses))
    gone = {gap for one in piece.resolvers if one not in resolvers for gap in one.gaps}
    gone |= {gap for one in piece.proxies if one not in proxies for gap in one.gaps}
    gaps = tuple(gap for gap in piece.gaps if gap not in gone)
    return replace(piece, resolvers=resolvers, proxies=proxies, gaps=gaps)


def _targets(tables: Sequence[Table]) -> Iterator[Intervals]:
    """Addresses that destination NAT leads packets to."""
    for table in tables:
        for chain in table.chains.values():
            for rule in chain.rules:
                for step in rule.steps:
                    if isinstance(step, Dnat):
                        yield ANYWHERE if step.lookup else step.addresses


def _value(address: str) -> int:
    try:
        return address_value(address)[1]
    except ValueError:
        return -1


def read(snapshot: Snapshot, interest: frozenset[str]) -> Gateway:
    """The gateway of a snapshot, without zones; ``interest`` are the names worth keeping (empty: all)."""
    pieces: list[tuple[str, Piece]] = []
    for package, kind in _found():
        try:
            pieces.append((kind.name, kind.read(snapshot, interest)))
        except (Malformed, Irregular) as error:
            pieces.append((kind.name, _unread(package, kind, str(error))))
        except RecursionError:
            pieces.append((kind.name, _unread(package, kind, "its configuration is nested too deeply")))
    filters = firewall_kinds()
    tables = [table for _, piece in pieces for table in piece.tables]
    pieces = [(name, _on_the_road(piece, tables)) for name, piece in pieces]
    return Gateway(
        firewall=merge(tables, [gap for name, piece in pieces if name in filters for gap in piece.gaps]),
        network=next((piece.network for _, piece in pieces if piece.network is not None), Network()),
        hosts=tuple(entry for _, piece in pieces for entry in piece.hosts),
        proxy_settings=tuple(setting for _, piece in pieces for setting in piece.proxy_settings),
        services=tuple(service for _, piece in pieces for service in piece.services),
        resolvers=tuple(one for _, piece in pieces for one in piece.resolvers),
        proxies=tuple(one for _, piece in pieces for one in piece.proxies),
        pacs=tuple(one for _, piece in pieces for one in piece.pacs),
        nameservers=tuple(one for _, piece in pieces for one in piece.nameservers),
        bgp=tuple(one for _, piece in pieces for one in piece.bgp),
        filled_sets=tuple(one for _, piece in pieces for one in piece.filled_sets),
        resolved_names=tuple(one for _, piece in pieces for one in piece.resolved_names),
        notes=tuple(note for _, piece in pieces for note in piece.notes),
        gaps=tuple(gap for name, piece in pieces if name not in filters for gap in piece.gaps),
    )
