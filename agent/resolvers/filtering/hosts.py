"""A hosts file as rules: names with addresses there are not asked for elsewhere (hosts(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.intervals import as_address
from agent.model.names import normalise
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope
from agent.model.source import Source
from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.snapshot import Artifact


def rules_of(artifact: Artifact, interest: Interest, *, null_is_none: bool = False) -> Iterator[NameRule]:
    """The rules for names of interest. A name has no data of a family that the file has no address of.

    ``null_is_none``: 0.0.0.0 and :: make a name known without being addresses.
    """
    found: dict[str, dict[tuple[int, int], Source]] = {}
    for number, line in lines_about(artifact.data, interest.names):
        words = line.partition("#")[0].split()
        address = as_address(words[0]) if len(words) > 1 else None
        for word in words[1:] if address else ():
            try:
                name = normalise(word)
            except ValueError:
                continue
            if address and interest.holds(name):
                found.setdefault(name, {}).setdefault(address, Source(artifact.name, line.strip(), number))
    for name, addresses in found.items():
        for family in (4, 6):
            mine = frozenset(one for one in addresses if one[0] == family and (one[1] or not null_is_none))
            outcome = Outcome(Fate.ADDRESSES, mine) if mine else Outcome(Fate.NODATA)
            source = next((addresses[one] for one in addresses if one in mine), next(iter(addresses.values())))
            yield NameRule(NameSet(Scope.EXACT, name), outcome, source, frozenset({family}))
