"""Characters in Perl's manner: what stands after a backslash and in brackets, of PCRE2 and of Go."""

from __future__ import annotations

from string import digits, hexdigits
from typing import Final

from agent.errors import Irregular, Malformed
from agent.model.record import record
from agent.model.regular.letters import Letters
from agent.model.regular.syntax import (
    ANY,
    BEGIN,
    CLASSES,
    END,
    NO_WORD_EDGE,
    WORD_EDGE,
    WORDS,
    Chars,
    Node,
    between,
    both_cases,
    mask_of,
)

_BLANKS: Final = mask_of(" \t")
_ENDS_OF_LINE: Final = mask_of("\n\v\f\r")
_CONTROL: Final = {"a": "\a", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@record
class Flavour:
    """What the two have not in common."""

    sets: dict[str, int]
    """After a backslash, in lower case; the capital is all others."""
    spots: dict[str, Node]
    control: frozenset[str]
    flags: frozenset[str]
    max_times: int
    escapes_of_letters: frozenset[str]
    """Letters that have a meaning after a backslash which is not regular, or not supported."""
    strict: bool
    """Whether unknown letters after a backslash, and repeated repetitions, are errors in Go's way."""


PCRE: Final = Flavour(
    {"d": CLASSES["digit"], "w": WORDS, "s": CLASSES["space"], "h": _BLANKS, "v": _ENDS_OF_LINE},
    {"b": WORD_EDGE, "B": NO_WORD_EDGE, "A": BEGIN, "z": END, "Z": END},
    frozenset("aefnrt"),
    frozenset("imsnUx"),
    65535,
    frozenset("CGKRXPpugkoNc"),
    strict=False,
)
GO: Final = Flavour(
    {"d": CLASSES["digit"], "w": WORDS, "s": mask_of(" \t\n\f\r")},
    {"b": WORD_EDGE, "B": NO_WORD_EDGE, "A": BEGIN, "z": END},
    frozenset("afnrtv"),
    frozenset("imsU"),
    1000,
    frozenset("pPC"),
    strict=True,
)


class Characters(Letters):
    """A cursor over an expression that reads what stands for one character."""

    def __init__(self, text: str, flavour: Flavour, *, ignore_case: bool) -> None:
        super().__init__(text, ignore_case=ignore_case)
        self._flavour = flavour

    def _folded(self, mask: int) -> int:
        return both_cases(mask) if self._ignore_case else mask

    def _escaped(self) -> Node:
        char = self._next()
        if char and char in self._flavour.spots:
            self._at += 1
            return self._flavour.spots[char]
        mask, _ = self._escaped_set(inside=False)
        return Chars(mask)

    def _escaped_set(self, *, inside: bool) -> tuple[int, str]:
        """The characters that stand after a backslash, and which it is where it is a single one."""
        char = self._next()
        if not char:
            raise Malformed("a backslash at the end")
        self._at += 1
        sets = self._flavour.sets
        if char in sets:
            return sets[char], ""
        if char.isupper() and char.lower() in sets:
            return ANY & ~sets[char.lower()], ""
        if char in self._flavour.control:
            return mask_of(_CONTROL[char]), _CONTROL[char]
        if char == "b" and inside and not self._flavour.strict:
            return mask_of("\b"), "\b"
        if char == "x":
            one = self._hexadecimal()
        elif char in digits:
            one = self._octal(char, inside=inside)
        elif char in self._flavour.escapes_of_letters:
            raise Irregular(f"not supported: \\{char}")
        elif char.isalnum() and char.isascii():
            raise Malformed(f"\\{char} is not known")
        else:
            one = char
        return self._folded(mask_of(one)), one

    def _hexadecimal(self) -> str:
        if self._next() == "{":
            end = self._text.find("}", self._at)
            number = self._text[self._at + 1 : end] if end >= 0 else ""
            if not number or any(char not in hexdigits for char in number):
                raise Malformed("\\x{ has no number")
            self._at = end + 1
        else:
            number = ""
            while len(number) < 2 and self._next() and self._next() in hexdigits:
                number += self._next()
                self._at += 1
            if self._flavour.strict and len(number) < 2:
                raise Malformed("\\x has no number")
        return chr(min(int(number[-8:] or "0", 16), 0xFF))

    def _octal(self, first: str, *, inside: bool) -> str:
        if first in "89" and self._flavour.strict:
            raise Malformed(f"\\{first} is not known")
        if first != "0" and not inside:
            raise Irregular(f"not supported: \\{first}")
        if first != "0" or self._flavour.strict:
            raise Irregular("not supported: an octal number")
        number = first
        while len(number) < 3 and self._next() and self._next() in "01234567":
            number += self._next()
            self._at += 1
        return chr(int(number, 8))

    def _bracket(self) -> int:
        self._at -= 1
        if not self._flavour.strict and self._end_of_named(self._next(1)) >= 0:
            raise Malformed("a named class stands outside of brackets")
        self._at += 1
        negated = self._next() == "^"
        self._at += negated
        start = self._at
        found = 0
        while not (self._next() == "]" and self._at > start):
            mask, single = self._element()
            if self._next() == "-" and self._next(1) not in ("]", ""):
                if not single:
                    raise Malformed("a range begins with a class")
                self._at += 1
                _, last = self._element()
                if not last:
                    raise Malformed("a range ends in a class")
                mask = self._folded(between(single, last))
            found |= mask
        self._at += 1
        return ANY & ~found if negated else found

    def _element(self) -> tuple[int, str]:
        char = self._next()
        if not char:
            raise Malformed("a bracket expression is not closed")
        if char == "[" and (named := self._named()):
            return named
        self._at += 1
        if char == "\\":
            if self._next() in ("Q", "E"):
                raise Irregular("not supported: \\Q in a bracket expression")
            return self._escaped_set(inside=True)
        return self._folded(mask_of(char)), char

    def _named(self) -> tuple[int, str] | None:
        """``[:digit:]`` or ``[:^digit:]``; None where it is not one."""
        mark = self._next(1)
        end = self._end_of_named(mark)
        if end < 0:
            return None
        name = self._text[self._at + 2 : end]
        negated = name.startswith("^")
        name = name.removeprefix("^")
        if mark != ":" or (name not in CLASSES and name not in ("word", "ascii")):
            raise Malformed(f"there is no class [{mark}{name}{mark}]")
        mask = {"word": WORDS, "ascii": (1 << 128) - 1}.get(name) or CLASSES[name]
        self._at = end + 2
        mask = self._folded(mask)
        return (ANY & ~mask if negated else mask), ""

    def _end_of_named(self, mark: str) -> int:
        """Where the mark of a named class is repeated before its ``]`` (``check_posix_syntax`` of PCRE2); or -1."""
        if self._flavour.strict:
            return self._text.find(":]", self._at + 2) if mark == ":" else -1
        at = self._at + 2
        while mark and mark in ":.=" and at + 1 < len(self._text):
            pair = self._text[at : at + 2]
            if pair[0] == "]" or pair == f"[{mark}":
                break
            if pair == f"{mark}]":
                return at
            at += 2 if pair in ("\\]", "\\\\") else 1
        return -1
