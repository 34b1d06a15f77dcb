"""The grammar of unbound.conf: clauses of attributes (``configlexer.lex``). A value may stand on another line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.cursor import Cursor
from agent.model.record import record
from agent.model.source import Gap
from agent.resolvers.unbound.options import CLAUSES, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.model.source import Source
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

MAX_FILES: Final = 10_000
MAX_DEPTH: Final = 100
"""Files that include each other (``MAXINCLUDES`` in the lexer)."""
_SPACE: Final = re.compile(r"(?:\s+|#[^\n]*)*")
_NAME: Final = re.compile(r"([a-z0-9-]+):")
_LISTED: Final = re.compile(
    r"(?:local-zone:[ \t]*\"?([^\s\"]+?)\.?\"?[ \t]+[a-z_]+|local-data:[ \t]*\"([^\s\"]+?)\.?[ \t][^\"\n]*\")[ \t]*\n"
)
"""A line about one name, as block lists have them by the million."""
_VALUE: Final = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'|((?:\\.|[^\s\"'\\])+)")


@record
class Attribute:
    """One attribute with its values."""

    name: str
    values: tuple[str, ...]
    source: Source


@record
class Clause:
    """``server:``, ``view:``... with what follows."""

    kind: str
    attributes: tuple[Attribute, ...]
    source: Source

    def get(self, name: str) -> Attribute | None:
        """Give the last attribute of a name."""
        return next((one for one in reversed(self.attributes) if one.name == name), None)

    def text(self, name: str, default: str = "") -> str:
        """Give the value of the last attribute of a name."""
        found = self.get(name)
        return found.values[0] if found else default

    def all(self, *names: str) -> Iterator[Attribute]:
        """The attributes of some names, in order."""
        return (one for one in self.attributes if one.name in names)


def clauses(path: str, following: Following, interest: Interest) -> tuple[tuple[Clause, ...], tuple[Gap, ...]]:
    """All clauses of a file and those it includes, without lists of other names, and what cannot be read."""
    parser = _Parser(following, interest)
    parser.file(path, None, 0)
    return parser.finished()


class _Parser:
    def __init__(self, following: Following, interest: Interest) -> None:
        self._following = following
        self._interest = interest
        self._clauses: list[tuple[str, list[Attribute], Source]] = []
        self._gaps: list[Gap] = []
        self._files = 0

    def finished(self) -> tuple[tuple[Clause, ...], tuple[Gap, ...]]:
        found = tuple(Clause(kind, tuple(attributes), source) for kind, attributes, source in self._clauses)
        return found, tuple(self._gaps)

    def file(self, path: str, named_by: Source | None, depth: int) -> None:
        if depth > MAX_DEPTH or self._files > MAX_FILES:
            if not any("too many" in gap.reason for gap in self._gaps):
                self._gaps.append(Gap("unbound", f"too many files include each other: {path}", named_by))
            return
        magic = any(letter in path for letter in "*?[{~")
        files = self._following.matching(path, named_by) if magic else (self._following.file(path, named_by),)
        for artifact in files:
            if artifact is not None:
                self._files += 1
                self._text(artifact, depth)

    def _text(self, artifact: Artifact, depth: int) -> None:
        cursor = _Cursor(artifact)
        while not cursor.at_end:
            if self._clauses and self._clauses[-1][0] == "server":
                cursor.skip_lists(self._interest)
                if cursor.at_end:
                    break
            source = cursor.source
            name = cursor.take(_NAME)
            if name is None:
                self._gaps.append(Gap("unbound", f"line {source.line} is not understood", source))
                return
            if name in CLAUSES:
                self._clauses.append((name, [], source))
                continue
            values = [cursor.take(_VALUE) for _ in range(VALUES.get(name, 1))]
            whole = tuple(value for value in values if value is not None)
            if len(whole) != len(values):
                self._gaps.append(Gap("unbound", f"line {source.line}: {name} lacks a value", source))
                return
            if name in ("include", "include-toplevel"):
                self.file(whole[0], source, depth + 1)
            elif self._clauses:
                self._clauses[-1][1].append(Attribute(name, whole, source))
            else:
                self._gaps.append(Gap("unbound", f"line {source.line}: {name} stands before any clause", source))


class _Cursor(Cursor):
    """A place in a file, in front of its next word."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact, _SPACE)

    def skip_lists(self, interest: Interest) -> None:
        """Go past lines about names that are of no interest."""
        while listed := _LISTED.match(self.data, self.at):
            if interest.touches((listed[1] or listed[2]).lower()):
                return
            self.move(listed.end())

    def take(self, what: re.Pattern[str]) -> str | None:
        """Take one word; None where there is another."""
        found = what.match(self.data, self.at)
        if found is None:
            return None
        self.move(found.end())
        return next(group for group in found.groups() if group is not None)
