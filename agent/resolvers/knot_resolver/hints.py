"""The module ``hints``: addresses of names that are known here (``modules/hints/hints.c``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Malformed
from agent.model.intervals import as_address
from agent.model.resolver import Fate, NameRule, NameSet, Outcome, Scope
from agent.model.source import Source
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.resolvers.lua import Value
    from agent.snapshot import Artifact


class Hints:
    """The hints as they are after some statements."""

    def __init__(self, interest: Interest) -> None:
        self._interest = interest
        self._found: dict[str, dict[tuple[int, int], Source]] = {}
        self.say_no = True
        """Whether a name with hints has no data of the other types (``use_nodata``)."""

    def hosts(self, artifact: Artifact) -> None:
        """Take the names of a hosts file; raises Malformed for a line that ends it, as it does for the program."""
        for number, line in enumerate(artifact.text.split("\n"), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            address = as_address(words[0])
            if address is None:
                raise Malformed(f"{artifact.name}: line {number} ends what is read of the file")
            for word in words[1:]:
                self._know(word, address, Source(artifact.name, line.strip(), number))

    def add(self, text: Value, source: Source) -> None:
        """Take ``name address``; raises Malformed."""
        words = text.split() if isinstance(text, str) else []
        address = as_address(words[1]) if len(words) == 2 else None
        if address is None:
            raise Malformed("a hint is computed, or has no address")
        self._know(words[0], address, source)

    def _know(self, word: str, address: tuple[int, int], source: Source) -> None:
        name = zone_name(word)
        if self._interest.touches(name):
            self._found.setdefault(name, {}).setdefault(address, source)

    def remove(self, text: Value) -> None:
        """Take away ``name`` or ``name address``; raises Malformed."""
        if not isinstance(text, str) or not text.split():
            raise Malformed("hints.del is computed")
        word, *rest = text.split()
        name = zone_name(word)
        if word != word.lower() or name not in self._found:
            return  # a name is only found in small letters (``del_pair``)
        if not rest:
            del self._found[name]
        elif address := as_address(rest[0]):
            self._found[name].pop(address, None)

    def rules(self) -> Iterator[NameRule]:
        """The addresses of each name, and that it has no others."""
        for name, known in self._found.items():
            for family in (4, 6) if known else ():
                mine = {address: source for address, source in known.items() if address[0] == family}
                outcome = Outcome(Fate.ADDRESSES, frozenset(mine)) if mine else Outcome(Fate.NODATA)
                source = next(iter((mine or known).values()))
                if mine or self.say_no:
                    yield NameRule(NameSet(Scope.EXACT, name), outcome, source, frozenset({family}))
