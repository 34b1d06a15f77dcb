"""Extended regular expressions as TRE reads them (``tre-parse.c``), in the copy inside of Pi-hole's FTL.

It differs from glibc: an operator without operand repeats the empty text, classes have no equivalents, an escaped
letter keeps its case, and an edge of a word is at both ends of a text whatever stands there (``tre-match-utils.h``).
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from string import digits, hexdigits
from typing import Final

from agent.errors import Irregular, Malformed
from agent.model.regular.letters import Letters
from agent.model.regular.syntax import (
    ANY,
    BEGIN,
    CLASSES,
    EDGE,
    EMPTY,
    END,
    EVERY,
    MAX_DEPTH,
    NO_WORD_EDGE,
    OTHER,
    WORD,
    WORD_BEGIN,
    WORD_EDGE,
    WORD_END,
    WORDS,
    Chars,
    Node,
    Spot,
    between,
    both_cases,
    mask_of,
    repeated,
    sequence,
    spot,
)

MAX_TIMES: Final = 255
"""``RE_DUP_MAX``."""

_INSIDE: Final = spot((WORD, OTHER), (WORD, OTHER))
_SPOTS: Final = {
    "<": WORD_BEGIN,
    ">": WORD_END,
    "b": Spot(WORD_EDGE.allowed | spot((EDGE,), EVERY) | spot(EVERY, (EDGE,))),
    "B": Spot(NO_WORD_EDGE.allowed & _INSIDE),
}
_SETS: Final = {
    "w": WORDS,
    "W": ANY & ~WORDS,
    "s": CLASSES["space"],
    "S": ANY & ~CLASSES["space"],
    "d": CLASSES["digit"],
    "D": ANY & ~CLASSES["digit"],
    "t": mask_of("\t"),
    "n": mask_of("\n"),
    "r": mask_of("\r"),
    "f": mask_of("\f"),
    "a": mask_of("\a"),
    "e": mask_of("\x1b"),
}
_REPEATS: Final = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def parse(text: str, *, ignore_case: bool) -> Node:
    """Give the tree of an expression; raises Malformed where FTL refuses it, Irregular for more than regular ones."""
    parser = _Parser(text, ignore_case=ignore_case)
    return parser.whole()


class _Parser(Letters):
    def whole(self) -> Node:
        if self._text.startswith("(?i)"):
            self._ignore_case = True
            self._at = 4
        return self._alternatives(0)

    def _branch(self, depth: int) -> Node:
        parts: list[Node] = []
        while True:
            parts.append(self._with_repetitions(self._atom(depth)))
            char = self._next()
            if not char or char == "|" or (char == ")" and depth):
                return sequence(parts)

    def _with_repetitions(self, node: Node) -> Node:
        for _ in range(MAX_DEPTH):
            char = self._next()
            if char in _REPEATS and char:
                self._at += 1
                node = repeated(node, *_REPEATS[char])
            elif char == "{":
                self._at += 1
                node = self._times(node)
            else:
                return node
            if self._next() == "?":  # the shortest first: the same language
                self._at += 1
            elif self._next() in ("*", "+"):
                raise Malformed("repeated twice")
        raise Irregular("too large: repeated again and again")

    def _times(self, node: Node) -> Node:
        """``tre_parse_bound``; without numbers it means once."""
        start = self._at
        low = high = self._number()
        if self._next() == ",":
            self._at += 1
            high = self._number()
        if (high is not None and high > MAX_TIMES) or (low or 0) > (high if high is not None else low or 0):
            raise Malformed(f"repeated at least {low} and at most {high} times, of {MAX_TIMES}")
        if self._next() and self._next() in "+-#~ <,":
            raise Irregular("not supported: an approximate match")
        if self._at == start or self._next() != "}":
            raise Malformed("a number of repetitions is missing")
        self._at += 1
        if low is None and high is None:
            return node
        return repeated(node, low or 0, high)

    def _number(self) -> int | None:
        start = self._at
        while self._next() and self._next() in digits:
            self._at += 1
        return int(self._text[start : self._at][:9]) if self._at > start else None

    def _atom(self, depth: int) -> Node:
        char = self._next()
        if not char or char in "*|{+?" or (char == ")" and depth):
            return EMPTY
        start = self._at
        self._at += 1
        match char:
            case "(":
                return self._group(depth)
            case "[":
                return Chars(self._bracket())
            case "\\":
                return self._escaped()
            case ".":
                return Chars(ANY, start)
            case "^":
                return BEGIN
            case "$":
                return END
        return Chars(self._folded(mask_of(char)))

    def _folded(self, mask: int) -> int:
        return both_cases(mask) if self._ignore_case else mask

    def _group(self, depth: int) -> Node:
        before = self._ignore_case
        if self._next() == "?":
            self._flags()
        node = self._alternatives(depth + 1)
        if self._next() != ")":
            raise Malformed("a group is not closed")
        self._at += 1
        self._ignore_case = before
        return node

    def _flags(self) -> None:
        self._at += 1
        on = True
        while char := self._next():
            self._at += 1
            match char:
                case ":":
                    return
                case "-":
                    on = False
                case "i":
                    self._ignore_case = on
                case "U" | "n" | "r":  # about newlines, and about which of several matches is taken
                    pass
                case ")" | "#":  # what follows then binds like a group, but is none
                    raise Irregular("not supported: options or a comment in the middle")
                case _:
                    break
        raise Malformed(f"(?{char} is not known")

    def _escaped(self) -> Node:
        char = self._next()
        if not char:
            raise Malformed("a backslash at the end")
        self._at += 1
        if char in _SETS:
            return Chars(self._folded(_SETS[char]))
        if char in _SPOTS:
            return _SPOTS[char]
        if char in digits:
            raise Irregular(f"not supported: the back reference \\{char}")
        if char == "Q":
            raise Irregular("not supported: \\Q")
        if char == "x":
            return Chars(self._hexadecimal())
        return Chars(mask_of(char))  # a letter keeps its case, whatever the options

    def _hexadecimal(self) -> int:
        if self._next() == "{":
            end = self._text.find("}", self._at)
            number = self._text[self._at + 1 : end]
            if end < 0 or any(char not in hexdigits for char in number):
                raise Malformed("\\x{ is not closed")
            self._at = end + 1
        else:
            number = ""
            while len(number) < 2 and self._next() and self._next() in hexdigits:
                number += self._next()
                self._at += 1
        value = int(number or "0", 16)
        return 1 << value if value < 128 else 0

    def _bracket(self) -> int:
        """``tre_parse_bracket``: a backslash is a character of its own."""
        negated = self._next() == "^"
        self._at += negated
        start = self._at
        found: list[int] = []
        while not (self._next() == "]" and self._at > start):
            if not self._next():
                raise Malformed("a bracket expression is not closed")
            found.append(self._element(start))
        self._at += 1
        together = reduce(or_, found)
        if not negated:
            return together
        # TRE goes astray where one range goes on where another one ends, but for copies of the same
        if together.bit_count() != sum(one.bit_count() for one in set(found)):
            raise Irregular("not supported: overlapping ranges in a negated bracket expression")
        return ANY & ~together

    def _element(self, start: int) -> int:
        char, following = self._next(), self._next(1)
        if following == "-" and self._next(2) not in ("", "]"):
            self._at += 3
            return self._folded(between(char, self._text[self._at - 1]))
        if char == "[" and following in (".", "="):
            raise Malformed(f"[{following} is not known")
        if char == "[" and following == ":":
            end = self._text.find(":", self._at + 2)
            name = self._text[self._at + 2 : end] if end >= 0 else ""
            if name not in CLASSES:
                raise Malformed(f"there is no class [:{name}:]")
            self._at = end + 2
            return self._folded(CLASSES[name])
        if char == "-" and following != "]" and self._at != start:
            raise Malformed("a range begins where another one ends")
        self._at += 1
        return self._folded(mask_of(char))
