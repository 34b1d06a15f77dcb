"""Statements that are not followed, and what keeps named from starting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.source import Gap
from agent.resolvers.bind.options import HARMLESS, MODELLED, OPEN
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.resolvers.bind.statements import Block, Statement

MAPS: Final = frozenset({"options", "view", "zone", "server"})
"""Blocks whose statements decide about names."""
FILTERS: Final = frozenset({"filter-aaaa", "filter-a"})
UNDOCUMENTED: Final = frozenset({"masters"})
"""Older words for documented ones."""
POLICY_KINDS: Final = frozenset({"primary", "secondary", "master", "slave"})


def not_understood(block: Block, interest: Interest) -> Iterator[Gap]:
    """The gaps of a whole configuration."""
    for one in _each(block):
        name = one.name
        if name in OPEN:
            yield Gap("named", f"{name}: {OPEN[name]}", one.source)
        elif name not in MODELLED and name not in HARMLESS and name not in UNDOCUMENTED:
            yield Gap("named", f"line {one.source.line}: unknown statement {name}", one.source)
        elif reason := _of_value(one, interest):
            yield Gap("named", f"{name}: {reason}", one.source)
    yield from _policies(block)
    for place in (block, *(one.block for one in block.all("view"))):
        yield from _twice(place)


def _each(block: Block) -> Iterator[Statement]:
    for one in block.statements:
        yield one
        if one.name in MAPS:
            yield from _each(one.block)


def _of_value(one: Statement, interest: Interest) -> str:
    """Why one value of a statement leaves names open."""
    match one.name:
        case "check-names" if one.value().lower() == "response" and one.value(2).lower() == "fail":
            return "answers with names that are not those of hosts are refused"
        case "trust-anchors" | "trusted-keys" | "managed-keys":
            below = [zone_name(each.value(0)) for each in one.block.statements]
            if any(name and interest.touches(name) for name in below):
                return "answers fail where keys of a zone are not these"
        case "dns64" if one.block.get("exclude"):
            return "addresses are replaced by others"
        case "plugin" if filter_of(one) not in FILTERS:
            return f"a plugin decides that is not followed: {one.value(2)}"
        case _:
            pass
    return ""


def filter_of(plugin: Statement) -> str:
    """The name of a plugin without folder and ending."""
    return plugin.value(2).rpartition("/")[2].removesuffix(".so")


def _twice(place: Block) -> Iterator[Gap]:
    """What may stand once: named does not start with more."""
    seen: set[tuple[str, ...]] = set()
    for one in place.all("options", "view", "zone", "response-policy", "forwarders"):
        what = (one.name, zone_name(one.value())) if one.name in ("view", "zone") else (one.name,)
        if one.name == "zone" and one.block.text("type").lower() == "redirect":
            what = (*what, "redirect")
        if what in seen:
            yield Gap("named", f"{' '.join(what[:2])} stands there twice: named does not start", one.source)
        seen.add(what)


def _policies(block: Block) -> Iterator[Gap]:
    """Policy zones that are not there: named does not start with them."""
    for view in tuple(block.all("view")) or (None,):
        own = view.block if view else block
        known = {
            zone_name(one.value()): one.block.text("type").lower()  # one of another view does not do
            for one in own.all("zone")
        }
        said = own.get("response-policy") if view else None
        options = next((one.block for one in block.all("options")), None)
        said = said or (options.get("response-policy") if options else None)
        for one in said.block.all("zone") if said else ():
            if known.get(zone_name(one.value())) not in POLICY_KINDS:
                reason = f"policy zone {one.value()} is not a primary or secondary zone: named does not start"
                yield Gap("named", reason, one.source)
