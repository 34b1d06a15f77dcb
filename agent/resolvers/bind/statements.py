"""The grammar of named.conf (``isccfg/parser.c``): statements of words and blocks in braces, each with a semicolon."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.cursor import Cursor
from agent.errors import Malformed
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.model.source import Source
    from agent.snapshot import Artifact

MAX_DEPTH: Final = 100
"""Blocks in blocks; what BIND knows has seven."""
_SPACE: Final = re.compile(r"(?:\s+|#[^\n]*|//[^\n]*|/\*[\s\S]*?\*/)*")
_WORD: Final = re.compile(r'"((?:[^"\\\n]|\\.)*)"|([{};!])|((?:[^\s{};!"/]|/(?![/*]))+)')
_PLAIN: Final = r'[^{}"/#]*(?:"[^"\\\n]*"[^{}"/#]*)*'
_ZONE: Final = re.compile(
    rf'zone\s+"?([^\s"{{}};]+)"?\s+(?:in\s+)?\{{{_PLAIN}(?:\{{{_PLAIN}\}}{_PLAIN})*\}}\s*;', re.IGNORECASE
)
"""A whole zone without comments, as block lists have them by the hundred thousand."""


@record
class Statement:
    """Words, and blocks between them."""

    parts: tuple[str | Block, ...]
    source: Source

    @property
    def name(self) -> str:
        """Give its first word, lower case; empty where it begins with a block."""
        return self.words[0].lower() if isinstance(self.parts[0], str) else ""

    @property
    def words(self) -> tuple[str, ...]:
        """Give its words without the blocks."""
        return tuple(part for part in self.parts if isinstance(part, str))

    @property
    def block(self) -> Block:
        """Give its first block; an empty one where it has none."""
        return next((part for part in self.parts if isinstance(part, Block)), NOTHING)

    def value(self, at: int = 1) -> str:
        """Give the word at a place; empty where there are fewer."""
        words = self.words
        return words[at] if at < len(words) else ""

    def after(self, word: str) -> str:
        """Give the word behind another."""
        words = [one.lower() for one in self.words]
        return self.value(words.index(word) + 1) if word in words[1:] else ""


@record
class Block:
    """What stands between braces."""

    statements: tuple[Statement, ...] = ()

    def all(self, *names: str) -> Iterator[Statement]:
        """The statements of some names, in order."""
        return (one for one in self.statements if one.name in names)

    def get(self, name: str) -> Statement | None:
        """Give the last statement of a name."""
        return next((one for one in reversed(self.statements) if one.name == name), None)

    def text(self, name: str, default: str = "") -> str:
        """Give the first value of the last statement of a name."""
        found = self.get(name)
        return found.value() if found else default


NOTHING: Final = Block()


def statements(artifact: Artifact, skips: Callable[[str, str], bool]) -> Iterator[Statement]:
    """The statements of one file, as soon as each is read; raises Malformed with its line.

    ``skips`` hears the name and the text of a zone, and says whether to go past it without taking it apart.
    """
    cursor = _Cursor(artifact)
    while not cursor.at_end:
        if (zone := cursor.zone()) and skips(zone[1], zone[0]):
            cursor.go_past(zone)
            continue
        yield _statement(cursor, skips)


def _statement(cursor: _Cursor, skips: Callable[[str, str], bool], depth: int = 0) -> Statement:
    if depth > MAX_DEPTH:
        raise Malformed("too many braces inside each other", line=cursor.line)
    source = cursor.source
    parts: list[str | Block] = []
    while True:
        line = cursor.line
        if (word := cursor.take()) == ";":
            break
        if word == "}":
            raise Malformed("a semicolon is missing", line=line)
        if word != "{":
            parts.append(word if isinstance(word, str) else word.text)
            continue
        inside = []
        while cursor.peek() != "}":
            if parts[:1] == ["view"] and (zone := cursor.zone()) and skips(zone[1], zone[0]):
                cursor.go_past(zone)
            else:
                inside.append(_statement(cursor, skips, depth + 1))
        cursor.take()
        parts.append(Block(tuple(inside)))
    if not parts:
        raise Malformed("a statement is empty", line=source.line)
    return Statement(tuple(parts), source)


@record
class _Quoted:
    """A word between quotation marks, which is never a brace or a semicolon."""

    text: str


class _Cursor(Cursor):
    """A place in a file, in front of its next word."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact, _SPACE)

    def zone(self) -> re.Match[str] | None:
        return _ZONE.match(self.data, self.at)

    def go_past(self, found: re.Match[str]) -> None:
        self.move(found.end())

    def peek(self) -> str:
        return self.data[self.at : self.at + 1]

    def take(self) -> str | _Quoted:
        """Take one word; raises Malformed where there is none."""
        found = _WORD.match(self.data, self.at)
        if found is None:
            raise Malformed("the file ends too early" if self.at_end else "not a word", line=self.line)
        self.go_past(found)
        if found[1] is not None:
            return _Quoted(re.sub(r"\\(.)", r"\1", found[1]))
        return found[2] or found[3]
