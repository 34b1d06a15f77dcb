"""The tokens of POSIX regular expressions, as glibc's ``peek_token`` gives them (``posix/regcomp.c``)."""

from __future__ import annotations

from enum import Enum, auto
from string import ascii_lowercase, ascii_uppercase
from typing import Final

from agent.model.record import record
from agent.model.regular.syntax import (
    ANY,
    BEGIN,
    CLASSES,
    END,
    NO_WORD_EDGE,
    WORD_BEGIN,
    WORD_EDGE,
    WORD_END,
    WORDS,
    Spot,
)

_CAPITALS: Final = str.maketrans(ascii_lowercase, ascii_uppercase)
_SPOTS: Final = {
    "<": WORD_BEGIN,
    ">": WORD_END,
    "b": WORD_EDGE,
    "B": NO_WORD_EDGE,
    "`": BEGIN,
    "'": END,
}
_SETS: Final = {"w": WORDS, "W": ANY & ~WORDS, "s": CLASSES["space"], "S": ANY & ~CLASSES["space"]}


class Kind(Enum):
    """What a token does."""

    CHARACTER = auto()
    END = auto()
    ALT = auto()
    OPEN = auto()
    CLOSE = auto()
    STAR = auto()
    PLUS = auto()
    OPTIONAL = auto()
    OPEN_TIMES = auto()
    CLOSE_TIMES = auto()
    BRACKET = auto()
    PERIOD = auto()
    SPOT = auto()
    SET = auto()
    BACK_REFERENCE = auto()
    BACKSLASH = auto()


_OPERATORS: Final = {
    "|": Kind.ALT,
    "(": Kind.OPEN,
    ")": Kind.CLOSE,
    "+": Kind.PLUS,
    "?": Kind.OPTIONAL,
    "{": Kind.OPEN_TIMES,
    "}": Kind.CLOSE_TIMES,
}
"""With a backslash in basic expressions, without one in extended ones."""


@record
class Token:
    """One of them."""

    kind: Kind
    text: str
    """The character, where it is one."""
    width: int
    spot: Spot = BEGIN
    mask: int = 0


_AT_END: Final = Token(Kind.END, "", 0)


class Tokens:
    """A cursor over an expression; with ``ignore_case`` over its capitals."""

    def __init__(self, text: str, *, extended: bool, ignore_case: bool) -> None:
        self._raw = text
        self._text = text.translate(_CAPITALS) if ignore_case else text
        self._extended = extended
        self._ignore_case = ignore_case
        self._at = 0
        self._start = 0
        self._token = _AT_END

    def _fetch(self, *, caret: bool = False) -> None:
        """``fetch_token``; ``caret``: RE_CARET_ANCHORS_HERE."""
        self._start = self._at
        self._token = self._peek(self._at, caret=caret)
        self._at += self._token.width

    def _peek(self, at: int, *, caret: bool) -> Token:
        if at >= len(self._text):
            return _AT_END
        char = self._text[at]
        if char == "\\":
            return self._escaped(at)
        if self._extended and char in _OPERATORS:
            return Token(_OPERATORS[char], char, 1)
        match char:
            case "*":
                return Token(Kind.STAR, char, 1)
            case "[":
                return Token(Kind.BRACKET, char, 1)
            case ".":
                return Token(Kind.PERIOD, char, 1)
            case "^" if self._extended or caret or at == 0:
                return Token(Kind.SPOT, char, 1, BEGIN)
            case "$" if self._extended or self._ends(at + 1):
                return Token(Kind.SPOT, char, 1, END)
        return Token(Kind.CHARACTER, char, 1)

    def _ends(self, at: int) -> bool:
        """Whether a basic expression, an alternative or a group of it ends here."""
        return at == len(self._text) or self._peek(at, caret=False).kind in (Kind.ALT, Kind.CLOSE)

    def _escaped(self, at: int) -> Token:
        if at + 1 >= len(self._raw):
            return Token(Kind.BACKSLASH, "\\", 1)
        char = self._raw[at + 1]
        if not self._extended and char in _OPERATORS:
            return Token(_OPERATORS[char], char, 2)
        if char in _SPOTS:
            return Token(Kind.SPOT, char, 2, _SPOTS[char])
        if char in _SETS:
            return Token(Kind.SET, char, 2, mask=_SETS[char])
        if "1" <= char <= "9":
            return Token(Kind.BACK_REFERENCE, char, 2)
        return Token(Kind.CHARACTER, char, 2)
