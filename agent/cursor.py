"""A place in a text of words, and the line that it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.source import Source

if TYPE_CHECKING:
    import re

    from agent.snapshot import Artifact


class Cursor:
    """In front of the next word; what ``space`` fits stands between words, comments among it."""

    def __init__(self, artifact: Artifact, space: re.Pattern[str]) -> None:
        self._name = artifact.name
        self._space = space
        self.data = artifact.text
        self.at = 0
        self.line = 1
        self.move(0)

    def move(self, to: int) -> None:
        """Go on to a place, and from there to the next word."""
        found = self._space.match(self.data, to)
        there = found.end() if found else to
        self.line += self.data.count("\n", self.at, there)
        self.at = there

    @property
    def at_end(self) -> bool:
        """Whether there is no further word."""
        return self.at == len(self.data)

    @property
    def source(self) -> Source:
        """The line that the next word is in."""
        begin = self.data.rfind("\n", 0, self.at) + 1
        end = self.data.find("\n", self.at)
        return Source(self._name, self.data[begin : end if end >= 0 else None].strip(), self.line)
