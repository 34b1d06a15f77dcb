"""FRR's bgpd: neighbours, and whether their routes are compared with RPKI.

A route map that asks for ``match rpki`` and stands at a neighbour's entrance does that. Source: docs.frrouting.org,
"BGP", "Prefix Origin Validation Using RPKI".
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from agent.model.routing import BgpSession
from agent.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot import Artifact


class _Neighbor:
    def __init__(self) -> None:
        self.named_at: Source | None = None
        self.remote = ""
        self.group = ""
        self.maps: dict[str, Source] = {}
        """Route maps at its entrance."""
        self.shut = False


def sessions(file: Artifact) -> Iterator[BgpSession]:
    """One session for each neighbour in another network."""
    asking = set(_maps_that_ask(file))
    here = ""
    neighbors: dict[str, _Neighbor] = defaultdict(_Neighbor)
    inside = False
    for number, line in enumerate(file.text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("!"):
            continue
        if words[:2] == ["router", "bgp"]:
            inside, here = True, words[2] if len(words) > 2 else ""
        elif not line.startswith((" ", "\t")) and words[0] != "neighbor":
            inside = False
        elif inside and words[0] == "neighbor" and len(words) > 2:
            _note(neighbors[words[1]], words[2:], Source(file.name, line.strip(), number))
    for name, one in sorted(neighbors.items()):
        group = neighbors.get(one.group, _Neighbor())
        remote = one.remote or group.remote
        is_group = any(other.group == name for other in neighbors.values())
        if is_group or not remote or remote in (here, "internal") or one.shut or one.named_at is None:
            continue
        maps = one.maps or group.maps
        validates = any(found in asking for found in maps)
        source = next(iter(maps.values()), one.named_at)
        yield BgpSession("frr", name, validates, source)


def _note(neighbor: _Neighbor, words: list[str], source: Source) -> None:
    match words:
        case ["remote-as", remote, *_]:
            neighbor.remote = remote
            neighbor.named_at = source
        case ["peer-group", group]:
            neighbor.group = group
            neighbor.named_at = neighbor.named_at or source
        case ["interface", "remote-as", remote]:
            neighbor.remote = remote
            neighbor.named_at = source
        case ["interface", "peer-group", group]:
            neighbor.group = group
            neighbor.named_at = neighbor.named_at or source
        case ["route-map", name, "in"]:
            neighbor.maps[name] = source
        case ["shutdown", *_]:
            neighbor.shut = True
        case _:
            pass


def _maps_that_ask(file: Artifact) -> Iterator[str]:
    """Route maps with a line ``match rpki``, and those that call them."""
    asked: set[str] = set()
    callers: dict[str, set[str]] = defaultdict(set)
    name = ""
    for line in file.text.splitlines():
        words = line.split()
        if words[:1] == ["route-map"] and len(words) > 1:
            name = words[1]
        elif words[:2] == ["match", "rpki"]:
            asked.add(name)
        elif words[:1] == ["call"] and len(words) > 1:
            callers[words[1]].add(name)
    waiting = list(asked)
    while waiting:
        for caller in callers[waiting.pop()] - asked:
            asked.add(caller)
            waiting.append(caller)
    yield from asked
