"""The words of a line of haproxy.cfg (``parse_line`` in tools.c): quotes, escapes, variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_WORDS: Final = 64
"""``MAX_LINE_ARGS``: the program refuses longer lines."""
_VARIABLE: Final = re.compile(
    r"\$(?:\{(\.?[A-Za-z_]\w*|\.\w+)(\[\*\])?(?:-([^}]*))?\}|(\.?[A-Za-z_]\w*|\.\w+))", re.ASCII
)
_ESCAPED: Final = {"t": "\t", "n": "\n", "r": "\r"} | {letter: letter for letter in " \\#'\"$"}
_HEX: Final = re.compile(r"\\x([0-9A-Fa-f]{2})")


@record
class Words:
    """The words of one line, and the variables in them that nobody told us."""

    words: tuple[str, ...]
    unknown: tuple[str, ...] = ()


class _Line:
    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self._text = text
        self._at = 0
        self._environment = environment
        self._words: list[str] = []
        self._word: list[str] | None = None
        self._unknown: list[str] = []
        self._quote = ""

    def read(self) -> Words:
        while self._at < len(self._text):
            letter = self._text[self._at]
            if letter in "\"'" and self._quote in ("", letter):
                self._quote = "" if self._quote else letter
                self._put("")
                self._at += 1
            elif letter == "\\" and self._quote != "'":
                self._escape()
            elif not self._quote and letter.isspace():
                self._end()
                self._at += 1
            elif not self._quote and letter == "#":
                break
            elif letter == "$" and self._quote == '"':
                self._variable()
            else:
                self._put(letter)
                self._at += 1
        if self._quote:
            raise Malformed("a quote is not closed")
        self._end()
        if len(self._words) > MAX_WORDS:
            raise Malformed(f"more than {MAX_WORDS} words")
        return Words(tuple(self._words), tuple(self._unknown))

    def _put(self, text: str) -> None:
        if self._word is None:
            self._word = []
        self._word.append(text)

    def _end(self) -> None:
        if self._word is not None:
            self._words.append("".join(self._word))
            self._word = None

    def _escape(self) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if found := _HEX.match(self._text, self._at):
            self._put(chr(int(found[1], 16)))
            self._at = found.end()
        elif following in _ESCAPED and following:
            self._put(_ESCAPED[following])
            self._at += 2
        else:
            self._put("\\")
            self._at += 1

    def _variable(self) -> None:
        found = _VARIABLE.match(self._text, self._at)
        if found is None:
            raise Malformed("a variable has no name")
        self._at = found.end()
        name = found[1] or found[4]
        value = self._environment.get(name, found[3])
        if value is None:
            self._unknown.append(name)
            value = ""
        if found[2]:  # each part is a word of its own
            first, *others = value.split() or [""]
            self._put(first)
            for one in others:
                self._end()
                self._put(one)
        else:
            self._put(value)


def words_of(line: str, environment: Mapping[str, str]) -> Words:
    """Give the words of a line; raises Malformed where the program refuses it."""
    return _Line(line, environment).read()
