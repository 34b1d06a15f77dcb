"""Kinds of clients: who gets answers, which view they see, which tags they have (``daemon/acl_list.c``)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, prefix_interval
from agent.model.record import record
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.source import Source
    from agent.resolvers.unbound.clauses import Attribute

OF_CLIENTS: Final = frozenset({
    "access-control", "access-control-tag", "access-control-tag-action", "access-control-tag-data",
    "access-control-view",
})  # fmt: skip
"""Attributes of a block of clients."""


@record
class Client:
    """How a block of clients is treated."""

    action: str = "refuse"
    view: str = ""
    tags: tuple[str, ...] = ()
    """In the order in which they are defined."""
    tag_actions: tuple[tuple[str, str], ...] = ()
    tag_data: tuple[tuple[str, str], ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()
    source: Source | None = None


_Block = tuple[int, tuple[int, int]]
"""Family, first and last address."""


def clients(server: Sequence[Attribute]) -> Iterator[tuple[Client, tuple[tuple[int, Intervals], ...] | None]]:
    """Kinds of clients and their addresses: the closest block decides; only this host is let in without a word."""
    blocks: dict[_Block, Client] = {prefix_interval(prefix): Client("allow") for prefix in ("127.0.0.0/8", "::1/128")}
    overrides: list[tuple[_Block, str, str]] = []
    defined = [tag for one in server if one.name == "define-tag" for tag in one.values[0].split()]
    for one in server:
        if one.name in OF_CLIENTS:
            block = prefix_interval(one.values[0])
            blocks[block] = _with(blocks.get(block, Client("allow")), one, defined)
        elif one.name == "local-zone-override":
            overrides.append((prefix_interval(one.values[1]), zone_name(one.values[0]), one.values[2]))
    kinds: dict[Client, dict[int, Intervals]] = defaultdict(dict)
    every = {*blocks, *(block for block, _, _ in overrides)}
    for block in sorted(every):
        around = [other for other in every if _holds(other, block)]
        decides = [other for other in around if other in blocks]
        client = blocks[min(decides, key=_size)] if decides else Client()
        mine = Intervals.span(*block[1])
        for other in every:
            if other != block and _holds(block, other):
                mine -= Intervals.span(*other[1])
        here = sorted((each for each in overrides if each[0] in around), key=lambda each: -_size(each[0]))
        client = replace(client, overrides=tuple({zone: kind for _, zone, kind in here}.items()))
        kinds[client][block[0]] = kinds[client].get(block[0], Intervals()) | mine
    for client, addresses in kinds.items():
        yield client, tuple(sorted(addresses.items()))
    yield Client(), None


def _holds(block: _Block, other: _Block) -> bool:
    """Whether a block holds all addresses of another."""
    return block[0] == other[0] and block[1][0] <= other[1][0] and other[1][1] <= block[1][1]


def _size(block: _Block) -> int:
    return block[1][1] - block[1][0]


def _with(client: Client, one: Attribute, defined: Sequence[str]) -> Client:
    """A block's settings with one more of them."""
    values = one.values
    source = client.source or one.source
    match one.name:
        case "access-control":
            return replace(client, action=values[1], source=source)
        case "access-control-view":
            return replace(client, view=values[1], source=source)
        case "access-control-tag":
            given = values[1].split()
            return replace(client, tags=tuple(tag for tag in defined if tag in given), source=source)
        case "access-control-tag-action":
            return replace(client, tag_actions=(*client.tag_actions, (values[1], values[2])), source=source)
        case _:
            return replace(client, tag_data=(*client.tag_data, (values[1], values[2])), source=source)


def misread(one: Attribute) -> str:
    """What is wrong with a value; Unbound does not start with it."""
    if one.name == "port" and not one.values[0].isdigit():
        return f"not a port: {one.values[0]}"
    if one.name in OF_CLIENTS or one.name == "local-zone-override":
        try:
            prefix_interval(one.values[1 if one.name == "local-zone-override" else 0])
        except ValueError as error:
            return str(error)
    return ""
