"""One Squid's configuration: its directives, and the elements of its access lists."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from agent.proxies.squid.access import LISTS, of_line
from agent.proxies.squid.doubts import Doubt, doubts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.source import Gap, Source
    from agent.proxies.squid.access import Rule
    from agent.proxies.squid.elements import Elements
    from agent.proxies.squid.lines import Line


MAX_DIGITS: Final = 18


class Configuration:
    """Directives in order; ``refused`` is what Squid would not start with, or what is missing."""

    def __init__(self, lines: tuple[Line, ...], elements: Elements, refused: tuple[Gap, ...], source: Source) -> None:
        self.lines = lines
        self.elements = elements
        self.refused = refused
        self.source = source
        self._by_name: dict[str, list[Line]] = {}
        for line in lines:
            self._by_name.setdefault(line.name, []).append(line)

    @cached_property
    def doubts(self) -> tuple[Doubt, ...]:
        """What is not followed."""
        return doubts(self)

    @property
    def lists(self) -> Iterator[tuple[Rule, ...]]:
        """The rules of each line of an access list."""
        return (of_line(line) for line in self.lines if line.name in LISTS)

    def all(self, *names: str) -> tuple[Line, ...]:
        """The lines of some directives."""
        return tuple(line for name in names for line in self._by_name.get(name, ()))

    def switch(self, name: str, *, default: bool) -> bool:
        """Whether a directive says ``on``; the last line counts."""
        found = self.all(name)
        return found[-1].first == "on" if found else default

    def number(self, name: str, *, default: int) -> int:
        """The number that a directive begins with; the last line counts."""
        found = self.all(name)
        first = found[-1].first if found else ""
        return int(first) if first.isdecimal() and len(first) < MAX_DIGITS else default
