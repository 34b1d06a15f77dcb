"""The lines of e2guardian.conf and e2guardianfN.conf: ``name = 'value'``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.source import Gap, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot.following import Following

NAME: Final = "e2guardian"
MAX_DEPTH: Final = 20
MAX_FILES: Final = 1_000
"""Files that include each other, and files in all; the program itself has no bound and ends."""
_INCLUDE: Final = re.compile(r"\.Include<([^>]+)>")
_NUMBER: Final = re.compile(r"\s*([+-]?\d{1,18})")


@record
class Setting:
    """One line."""

    name: str
    value: str
    source: Source


@record
class Settings:
    """The lines of one file and, for a filter group, of those that it includes."""

    lines: tuple[Setting, ...]
    first_counts: bool
    """Of lines with one name: in e2guardian.conf the first counts, in e2guardianfN.conf the last."""
    gaps: tuple[Gap, ...] = ()

    def all(self, name: str) -> Iterator[Setting]:
        """The lines of a name, in order."""
        return (one for one in self.lines if one.name == name)

    def get(self, name: str) -> Setting | None:
        """Give the line of a name that counts."""
        found = tuple(self.all(name))
        return found[0 if self.first_counts else -1] if found else None

    def text(self, name: str, default: str = "") -> str:
        """Give the value of a name; empty values count as none."""
        found = self.get(name)
        return found.value if found and found.value else default

    def number(self, name: str, default: int = 0) -> int:
        """Give the number that a value begins with; the default where there is no line."""
        text = self.text(name)
        return number(text) if text else default

    def is_on(self, name: str) -> bool:
        """Whether it is switched on; nothing else than ``on`` is."""
        return self.text(name) == "on"


def number(text: str) -> int:
    """Give the number that a text begins with, as atoi(3) does."""
    found = _NUMBER.match(text)
    return int(found[1]) if found else 0


def settings(path: str, following: Following, *, of_group: bool) -> Settings:
    """Read a file; only the files of filter groups include others."""
    reader = _Reader(following)
    reader.file(path, Source(f"files{path}", ""), 0 if of_group else None)
    return Settings(tuple(reader.lines), not of_group, tuple(reader.gaps))


class _Reader:
    def __init__(self, following: Following) -> None:
        self._following = following
        self._files = 0
        self.lines: list[Setting] = []
        self.gaps: list[Gap] = []

    def file(self, path: str, named_by: Source, depth: int | None) -> None:
        """Take the lines of a file; without a depth it includes no others."""
        artifact = self._following.file(path, named_by)
        if artifact is None:
            return
        for number, line in enumerate(artifact.text.split("\n"), 1):
            source = Source(artifact.name, line.strip(), number)
            if included := _INCLUDE.match(line):
                self._files += 1
                if depth is not None and depth < MAX_DEPTH and self._files <= MAX_FILES:
                    self.file(included[1], source, depth + 1)
                elif depth is not None:
                    self.gaps.append(Gap(NAME, f"too many files include each other: {included[1]}", source))
                continue
            name, equals, value = line.partition("#")[0].strip().partition("=")
            if equals:
                self.lines.append(Setting(name.rstrip(" "), _bare(value), source))


def _bare(value: str) -> str:
    """Without blanks around, nor the quotes of both ends."""
    return value.lstrip(" ").removeprefix("'").rstrip(" ").removesuffix("'")
