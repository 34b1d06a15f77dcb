"""Which required domain a name belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, TypeVar

from agent.model.names import apex_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.requirement import Requirement

KEPT: Final = 1024
"""Names whose answer is remembered."""
LONGEST: Final = 260
"""Characters of a name and its port; longer ones are names of nobody."""
V = TypeVar("V")


class Patterns(Generic[V]):
    """Values by pattern of names: a plain name, or ``*.`` and what it stands above. The first of equal ones stays."""

    def __init__(self) -> None:
        self._exact: dict[str, V] = {}
        self._below: dict[str, V] = {}
        self._depths: tuple[int, ...] = ()
        """How many labels the names have that wildcards stand above, most first."""
        self._known: dict[str, V | None] = {}

    def add(self, pattern: str, value: V, *, apex: bool = False) -> None:
        """Add a pattern, ``apex``: with the name that the wildcard stands above."""
        if not pattern.startswith("*."):
            self._exact.setdefault(pattern, value)
            return
        above = apex_of(pattern)
        self._below.setdefault(above, value)
        self._depths = tuple(sorted({above.count(".") + 1, *self._depths}, reverse=True))
        if apex:
            self._exact.setdefault(above, value)

    def find(self, name: str | None) -> V | None:
        """The value of the plain name, else of the longest pattern; with or without last dot and port, in any case."""
        if not name or len(name) > LONGEST:
            return None
        try:
            return self._known[name]
        except KeyError:
            if len(self._known) >= KEPT:
                self._known.clear()
            found = self._known[name] = self._find(host_of(name))
            return found

    def names(self) -> list[str]:
        """The plain names, and those that wildcards stand above."""
        return [*self._exact, *self._below]

    def _find(self, name: str) -> V | None:
        if (found := self._exact.get(name)) is not None:
            return found
        for depth in self._depths:
            labels = name.rsplit(".", depth)
            found = self._below.get(".".join(labels[1:])) if len(labels) > depth else None
            if found is not None:
                # an empty label would make it a name of nobody
                return found if all(name.split(".")) else None
        return None


def required(requirements: Iterable[Requirement]) -> Patterns[Requirement]:
    """The requirement that covers a name."""
    found: Patterns[Requirement] = Patterns()
    for one in requirements:
        found.add(one.pattern, one, apex=one.apex)
    return found


def host_of(text: str) -> str:
    """The host in ``host``, ``host:port`` or ``[address]:port``, as names are compared."""
    text = text.lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, port = text.rpartition(":")
    return (host if colon and port.isascii() and port.isdecimal() and ":" not in host else text).removesuffix(".")
