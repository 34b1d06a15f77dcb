"""Privoxy's main file (loadcfg.c): directives, of which unknown ones are ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.source import Source
from agent.proxies.privoxy.lines import atoi, lines, shown
from agent.proxies.privoxy.options import HARMLESS, MODELLED
from agent.snapshot.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot import Artifact

KNOWN: Final = MODELLED | HARMLESS


@record
class Directive:
    """One directive, its name in lower case."""

    name: str
    value: str
    source: Source

    @property
    def words(self) -> list[str]:
        """The value, parted at blanks and tabs."""
        return self.value.split()

    @property
    def on(self) -> bool:
        """Whether it is a number other than zero, as atoi reads it."""
        return atoi(self.value.lstrip(" \t").removeprefix("-")) != 0


@record
class Configuration:
    """The directives of one file."""

    place: str
    """Where it is."""
    directives: tuple[Directive, ...]

    def all(self, *names: str) -> Iterator[Directive]:
        """The directives of some names, in order."""
        return (one for one in self.directives if one.name in names)

    def last(self, name: str) -> Directive | None:
        """The last of a name, which counts where only one can."""
        return next((one for one in reversed(self.directives) if one.name == name), None)

    def on(self, name: str) -> bool:
        """Whether a switch is on that is off by default."""
        found = self.last(name)
        return found is not None and found.on

    def path(self, value: str, folder: str = "confdir") -> str:
        """Where a file is that is named without its folder."""
        if value.startswith("/"):
            return value
        named = self.last(folder)
        own = self.place.rpartition("/")[0]
        return f"{(named.value if named else own).rstrip('/')}/{value}"


def configuration(artifact: Artifact, place: str) -> Configuration:
    """Read the file at a place."""
    found = []
    for number, line in lines(artifact.data):
        text = shown(line)
        name, _, value = text.replace("\t", " ").partition(" ")
        source = Source(artifact.name, redact(text.encode()).decode(), number)
        found.append(Directive(name.lower(), value.strip(" "), source))
    return Configuration(place, tuple(found))
