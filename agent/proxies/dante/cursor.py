"""A place in danted.conf: what is white space, and where a word was found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.source import Source

if TYPE_CHECKING:
    from agent.snapshot import Artifact

_BLANK: Final = re.compile(r"(?:[ \t]|\\\n|#[^\n]*)+")
_SPACE: Final = re.compile(r"(?:[ \t\n]|\\\n|#[^\n]*)+")


class Cursor:
    """A place in a file, in front of its next word."""

    def __init__(self, artifact: Artifact) -> None:
        self._name = artifact.name
        self._data = artifact.text
        self._at = 0
        self._line = 1
        self.skip()

    def skip(self) -> None:
        """Go past white space, ends of lines and comments."""
        self.take(_SPACE)

    def blank(self) -> None:
        """Go past white space and comments within the line."""
        self.take(_BLANK)

    def take(self, what: re.Pattern[str]) -> re.Match[str] | None:
        """Take one word; None where there is another."""
        found = what.match(self._data, self._at)
        if found:
            self._at = found.end()
            self._line += found[0].count("\n")
        return found

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._data)

    @property
    def at_word(self) -> bool:
        """Whether a word follows without white space before it."""
        return self._data[self._at : self._at + 1] not in ("", " ", "\t", "\n")

    @property
    def at_line_end(self) -> bool:
        """Whether nothing but the end of the block follows in this line."""
        return self._data[self._at : self._at + 1] in ("", "\n", "}")

    @property
    def source(self) -> Source:
        """The line in which the next word stands."""
        begin = self._data.rfind("\n", 0, self._at) + 1
        end = self._data.find("\n", self._at)
        return Source(self._name, self._data[begin : end if end >= 0 else None].strip(), self._line)

    def trouble(self, what: str) -> Malformed:
        """What to say of this place."""
        return Malformed(f"line {self._line}: {what}", line=self._line)
