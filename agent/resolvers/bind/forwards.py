"""Whom questions are passed on to (``lib/dns/forward.c``): the closest zone that says so decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope
from agent.resolvers.bind.access import YES
from agent.resolvers.bind.zones import STUBS, deepest_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.model.names import Interest
    from agent.model.source import Source
    from agent.resolvers.bind.statements import Block, Statement
    from agent.resolvers.bind.zones import Table

SAYING: Final = frozenset({"primary", "secondary", "forward", *STUBS})
"""Types of zones that may name forwarders."""
_Asked = dict[str, tuple[tuple[str, ...], "Source | None"]]


def forwards(block: Block, own: Block, options: Block, table: Table, interest: Interest) -> Iterator[NameRule]:
    """The rules of a view; the servers of stub zones come behind forwarders, which win over them."""
    bogus = frozenset(
        one.value() for place in (block, own) for one in place.all("server") if one.block.text("bogus").lower() in YES
    )
    port = options.text("port", "53")
    asked: _Asked = {}
    if whole := own.get("forwarders") or options.get("forwarders"):
        asked[""] = _servers(whole, port), whole.source
    for zone in table.zones.values():
        said = zone.block.get("forwarders")
        if zone.kind in SAYING and (said or zone.kind == "forward"):
            asked[zone.name] = (_servers(said, port) if said else ()), zone.source
    for name in reversed(deepest_first(table.zones)):
        zone = table.zones[name]
        if zone.kind in STUBS and not _closest(name, asked):
            addresses = zone.block.get("server-addresses")
            asked[name] = (_servers(addresses, "53") if addresses else ()), zone.source
    for name in deepest_first(asked):
        if interest.touches(name):
            servers, source = asked[name]
            left = frozenset(one for one in servers if one.partition("#")[0] not in bogus)
            outcome = Outcome(Fate.PASSED_ON, upstreams=left)
            if servers and not left:
                outcome = Outcome(Fate.UNKNOWN, because="all its servers are bogus")
            yield NameRule(NameSet(Scope.SUBTREE, name), outcome, source)


def _closest(name: str, asked: Mapping[str, tuple[tuple[str, ...], Source | None]]) -> tuple[str, ...]:
    """The servers of the closest zone that a name is in."""
    while name and name not in asked:
        name = name.partition(".")[2]
    return asked[name][0] if name in asked else ()


def _servers(said: Statement, port: str) -> tuple[str, ...]:
    """``address#port`` of each."""
    default = said.after("port") or port
    return tuple(f"{one.value(0)}#{one.after('port') or default}" for one in said.block.statements)
