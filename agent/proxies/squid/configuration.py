"""One Squid's configuration: its directives, and the elements of its access lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.source import Gap, Source
    from agent.proxies.squid.elements import Elements
    from agent.proxies.squid.lines import Line


@record
class Configuration:
    """Directives in order."""

    lines: tuple[Line, ...]
    elements: Elements
    gaps: tuple[Gap, ...]
    source: Source

    def all(self, *names: str) -> tuple[Line, ...]:
        """The lines of some directives."""
        return tuple(line for line in self.lines if line.name in names)

    def switch(self, name: str, *, default: bool) -> bool:
        """Whether a directive says ``on``; the last line counts."""
        found = self.all(name)
        return found[-1].first == "on" if found else default

    def number(self, name: str, *, default: int) -> int:
        """The number that a directive begins with; the last line counts."""
        found = self.all(name)
        first = found[-1].first if found else ""
        return int(first) if first.isdecimal() else default
