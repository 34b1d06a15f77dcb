"""The grammar of nginx.conf (``ngx_conf_read_token``): directives with words, some of them with a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE: Final = " \t\r\n"
ESCAPED: Final = {'"': '"', "'": "'", "\\": "\\", "t": "\t", "r": "\r", "n": "\n"}
MAX_DEPTH: Final = 100
"""Blocks in blocks."""


@record
class Directive:
    """A name with words behind it, and for some a block."""

    name: str
    words: tuple[str, ...]
    source: Source
    block: tuple[Directive, ...] | None = None

    def __getitem__(self, at: int) -> str:
        """Give a word behind the name; empty behind the last."""
        return self.words[at] if at < len(self.words) else ""

    def all(self, *names: str) -> Iterator[Directive]:
        """The directives of some names in its block, in order."""
        return (one for one in self.block or () if one.name in names)

    def last(self, name: str) -> Directive | None:
        """The last directive of a name in its block."""
        return next((one for one in reversed(self.block or ()) if one.name == name), None)


class Tokens:
    """The words of a text, with ``;``, ``{`` and ``}`` as they are."""

    def __init__(self, artifact: str, text: str) -> None:
        self._artifact = artifact
        self._text = text
        self.at = 0
        self._line = 1
        self._counted = 0

    def source(self, at: int) -> Source:
        """Give the place of something in the text."""
        begin = self._text.rfind("\n", 0, at) + 1
        end = self._text.find("\n", at)
        self._line += self._text.count("\n", self._counted, at) if at >= self._counted else 0
        self._counted = max(at, self._counted)
        return Source(self._artifact, self._text[begin : end if end >= 0 else None].strip(), self._line)

    def next(self) -> tuple[str, int, bool]:
        """Give the next word, where it stands, and whether it is one of ``;{}``; an empty word at the end.

        Raises Malformed.
        """
        text = self._text
        while self.at < len(text) and (text[self.at] in SPACE or text[self.at] == "#"):
            if text[self.at] == "#":
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            else:
                self.at += 1
        begin = self.at
        if begin == len(text):
            return "", begin, True
        if text[begin] in ";{}":
            self.at += 1
            return text[begin], begin, True
        return (self._quoted() if text[begin] in "\"'" else self._bare()), begin, False

    def _quoted(self) -> str:
        text, quote, begin = self._text, self._text[self.at], self.at
        at = begin + 1
        while at < len(text) and text[at] != quote:
            at += 2 if text[at] == "\\" else 1
        if at >= len(text):
            raise Malformed("a quote is not closed", line=self.source(begin).line)
        self.at = at + 1
        if text[self.at : self.at + 1] not in (*SPACE, ";", "{", ")", ""):
            raise Malformed(f"unexpected {text[self.at]!r}", line=self.source(begin).line)
        return _plain(text[begin + 1 : at])

    def _bare(self) -> str:
        text, at = self._text, self.at
        begin = at
        while at < len(text) and text[at] not in SPACE and text[at] != ";":
            if text[at] == "{" and text[at - 1] != "$":
                break
            at += 2 if text[at] == "\\" else 1
        self.at = min(at, len(text))
        return _plain(text[begin : self.at])


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    made: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in ESCAPED and at + 1 < len(text):
            made.append(ESCAPED[text[at + 1]])
            at += 2
        else:
            made.append(text[at])
            at += 1
    return "".join(made)
