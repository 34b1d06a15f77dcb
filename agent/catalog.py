"""Finds the kinds by looking, and puts what they read together into one gateway."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.firewalls.merge import merge
from agent.kind import Kind, Piece
from agent.model.gateway import Gateway
from agent.model.network import Network
from agent.model.source import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot import Snapshot, Want

FIREWALLS: Final = "agent.firewalls"
PACKAGES: Final = ("agent.facts", FIREWALLS, "agent.proxies", "agent.resolvers")


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


def read(snapshot: Snapshot, interest: frozenset[str]) -> Gateway:
    """The gateway of a snapshot, without zones; ``interest`` are the names worth keeping (empty: all)."""
    pieces: list[tuple[str, Piece]] = []
    for kind in kinds():
        try:
            pieces.append((kind.name, kind.read(snapshot, interest)))
        except Malformed as error:
            pieces.append((kind.name, Piece(gaps=(Gap(kind.name, str(error)),))))
    filters = firewall_kinds()
    tables = [table for _, piece in pieces for table in piece.tables]
    return Gateway(
        firewall=merge(tables, [gap for name, piece in pieces if name in filters for gap in piece.gaps]),
        network=next((piece.network for _, piece in pieces if piece.network is not None), Network()),
        hosts=tuple(entry for _, piece in pieces for entry in piece.hosts),
        proxy_settings=tuple(setting for _, piece in pieces for setting in piece.proxy_settings),
        services=tuple(service for _, piece in pieces for service in piece.services),
        resolvers=tuple(one for _, piece in pieces for one in piece.resolvers),
        proxies=tuple(one for _, piece in pieces for one in piece.proxies),
        nameservers=tuple(one for _, piece in pieces for one in piece.nameservers),
        bgp=tuple(one for _, piece in pieces for one in piece.bgp),
        filled_sets=tuple(one for _, piece in pieces for one in piece.filled_sets),
        resolved_names=tuple(one for _, piece in pieces for one in piece.resolved_names),
        notes=tuple(note for _, piece in pieces for note in piece.notes),
        gaps=tuple(gap for name, piece in pieces if name not in filters for gap in piece.gaps),
    )
