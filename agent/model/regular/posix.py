"""POSIX regular expressions, basic and extended, as glibc reads them in the C locale (``posix/regcomp.c``).

glibc folds case by turning pattern and text into capitals; what is left of that shows in ranges (``[_-a]``
becomes ``[_-A]``, which runs backwards) and after a backslash, where it keeps the pattern's own letter.
"""

from __future__ import annotations

from string import digits
from typing import Final

from agent.errors import Irregular, Malformed
from agent.model.regular.posix_tokens import Kind, Tokens
from agent.model.regular.syntax import (
    ANY,
    CLASSES,
    EMPTY,
    MAX_DEPTH,
    Chars,
    Node,
    between,
    either,
    has_spots,
    mask_of,
    repeated,
    sequence,
)

MAX_TIMES: Final = 0x7FFF
"""``RE_DUP_MAX``."""
MAX_CLASS_NAME: Final = 32
_REPETITIONS: Final = frozenset({Kind.STAR, Kind.PLUS, Kind.OPTIONAL, Kind.OPEN_TIMES})


def parse(text: str, *, extended: bool, ignore_case: bool) -> Node:
    """Give the tree of an expression; raises Malformed where regcomp fails, Irregular for back references."""
    return _Parser(text, extended=extended, ignore_case=ignore_case).whole()


class _Parser(Tokens):
    """The functions of regcomp.c, under names of ours."""

    def __init__(self, text: str, *, extended: bool, ignore_case: bool) -> None:
        super().__init__(text, extended=extended, ignore_case=ignore_case)
        self._groups: list[bool] = []

    def whole(self) -> Node:
        self._fetch(caret=True)
        return self._alternatives(0)

    # ---- structure ----

    def _alternatives(self, depth: int) -> Node:
        """``parse_reg_exp``: each alternative may be empty."""
        if depth > MAX_DEPTH:
            raise Irregular("too large: too many groups inside of each other")
        ways = [self._branch(depth)]
        while self._token.kind is Kind.ALT:
            self._fetch(caret=True)
            ways.append(EMPTY if self._over(depth) else self._branch(depth))
        return either(ways)

    def _over(self, depth: int) -> bool:
        kind = self._token.kind
        return kind in (Kind.ALT, Kind.END) or (depth > 0 and kind is Kind.CLOSE)

    def _branch(self, depth: int) -> Node:
        """``parse_branch``."""
        parts: list[Node] = []
        while True:
            parts.append(self._expression(depth))
            if self._over(depth):
                return sequence(parts)

    def _expression(self, depth: int) -> Node:
        """``parse_expression``: one piece with what repeats it."""
        token = self._token
        node: Node
        match token.kind:
            case Kind.OPEN:
                node = self._group(depth)
            case Kind.BRACKET:
                node = Chars(self._folded(self._bracket()))
            case Kind.PERIOD:
                node = Chars(ANY, self._start)
            case Kind.SET:
                node = Chars(token.mask)
            case Kind.SPOT:
                self._fetch()  # nothing repeats these
                return token.spot
            case Kind.ALT | Kind.END:
                return EMPTY
            case Kind.BACKSLASH:
                raise Malformed("a backslash at the end")
            case Kind.BACK_REFERENCE:
                return self._back_reference(int(token.text))
            case Kind.STAR | Kind.PLUS | Kind.OPTIONAL | Kind.OPEN_TIMES if self._extended:
                raise Malformed(f"{token.text} has nothing to repeat")
            case Kind.OPEN_TIMES:
                raise Malformed("\\{ has nothing to repeat")
            case Kind.CLOSE if not self._extended:
                raise Malformed("\\) without \\(")
            case _:
                node = Chars(self._folded(mask_of(token.text)))
        self._fetch()
        return self._with_repetitions(node)

    def _with_repetitions(self, node: Node) -> Node:
        for count in range(MAX_DEPTH):
            if self._token.kind not in _REPETITIONS:
                return node
            if count and not self._extended and self._token.kind in (Kind.STAR, Kind.OPEN_TIMES):
                raise Malformed("repeated twice")
            node = self._repetition(node)
        raise Irregular("too large: repeated again and again")

    def _back_reference(self, number: int) -> Node:
        if number > len(self._groups) or not self._groups[number - 1]:
            raise Malformed(f"\\{number} refers to no group before it")
        raise Irregular(f"not supported: the back reference \\{number}")

    def _group(self, depth: int) -> Node:
        """``parse_sub_exp``."""
        number = len(self._groups)
        self._groups.append(False)
        self._fetch(caret=True)
        node = EMPTY if self._token.kind is Kind.CLOSE else self._alternatives(depth + 1)
        if self._token.kind is not Kind.CLOSE:
            raise Malformed("a group is not closed")
        self._groups[number] = True
        return node

    # ---- repetitions ----

    def _repetition(self, body: Node) -> Node:
        """``parse_dup_op``."""
        kind = self._token.kind
        if kind is not Kind.OPEN_TIMES:
            self._fetch()
            return _copied(body, int(kind is Kind.PLUS), 1 if kind is Kind.OPTIONAL else None)
        low = self._number()
        if low is None:
            if self._token.text != ",":
                raise Malformed("a number of repetitions is missing")
            low = 0
        high: int | None = low
        if self._token.text == ",":
            high = self._number()
        if self._token.kind is not Kind.CLOSE_TIMES:
            raise Malformed("a number of repetitions is not closed")
        if max(low, high or 0) > MAX_TIMES:
            raise Malformed(f"more than {MAX_TIMES} repetitions")
        self._fetch()
        return _copied(body, low, high)

    def _number(self) -> int | None:
        """``fetch_number``."""
        found = None
        while True:
            self._fetch()
            if self._token.kind is Kind.END:
                raise Malformed("a number of repetitions is not closed")
            if self._token.kind is Kind.CLOSE_TIMES or self._token.text == ",":
                return found
            if self._token.kind is not Kind.CHARACTER or self._token.text not in digits:
                raise Malformed("a number of repetitions is not a number")
            found = min(MAX_TIMES + 1, (found or 0) * 10 + int(self._token.text))

    # ---- bracket expressions ----

    def _folded(self, mask: int) -> int:
        """The characters whose capitals are in a set of those of a pattern in capitals."""
        if not self._ignore_case:
            return mask
        lower = CLASSES["lower"]
        return mask & ~lower | (mask & CLASSES["upper"]) << 32

    def _bracket(self) -> int:
        """``parse_bracket_exp``; stands behind its ``[``, and then behind its ``]``."""
        negated = self._text.startswith("^", self._at)
        self._at += negated
        found = 0
        first = True
        while first or not self._text.startswith("]", self._at):
            mask, single = self._element(hyphen=first)
            first = False
            if single and self._hyphen() and not self._text.startswith("]", self._at + 1):
                self._at += 1
                _, last = self._element(hyphen=True)
                if not last:
                    raise Malformed("a range ends in a class")
                mask = between(single, last)
            found |= mask
            if self._at >= len(self._text):
                raise Malformed("a bracket expression is not closed")
        self._at += 1
        return ANY & ~found if negated else found

    def _hyphen(self) -> bool:
        """Whether a hyphen that means a range comes next: three of them are a plain one."""
        return self._text.startswith("-", self._at) and not self._text.startswith("---", self._at)

    def _element(self, *, hyphen: bool) -> tuple[int, str]:
        """``parse_bracket_element``: its characters, and which it is where it is a single one."""
        if self._at >= len(self._text):
            raise Malformed("a bracket expression is not closed")
        char = self._text[self._at]
        if char == "[" and self._text[self._at + 1 : self._at + 2] in (".", "=", ":"):
            return self._symbol()
        if self._text.startswith("---", self._at):
            self._at += 2
        elif char == "-" and not hyphen and not self._text.startswith("]", self._at + 1):
            raise Malformed("a range begins where another one ends")
        self._at += 1
        return mask_of(char), char

    def _symbol(self) -> tuple[int, str]:
        """``[:digit:]``, ``[=a=]`` or ``[.-.]``."""
        mark = self._text[self._at + 1]
        start = self._at + 2
        end = self._text.find(mark + "]", start)
        if end < 0 or end - start >= MAX_CLASS_NAME:
            raise Malformed(f"[{mark} is not closed")
        self._at = end + 2
        if mark == ":":
            name = self._raw[start:end]
            if self._ignore_case and name in ("upper", "lower"):
                name = "alpha"
            if name not in CLASSES:
                raise Malformed(f"there is no class [:{name}:]")
            return CLASSES[name], ""
        name = self._text[start:end]
        if len(name) != 1:
            raise Malformed(f"there is no character named {name}")
        return mask_of(name), "" if mark == "=" else name


def _copied(body: Node, low: int, high: int | None) -> Node:
    """A repetition; where it takes copies, glibc forgets some anchors in them (``calc_eclosure_iter``)."""
    if (low, high) not in ((0, None), (0, 1), (1, 1), (0, 0)) and has_spots(body):
        raise Irregular("not supported: an anchor that is repeated")
    return repeated(body, low, high)
