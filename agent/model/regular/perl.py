"""Regular expressions in the manner of Perl, as far as they are regular: of PCRE2 (``pcre2pattern``), and of Go.

What takes more than a regular language (references, looking around, atomic groups) is Irregular. Which of several
matches is found does not matter here, so that lazy quantifiers are like others.
"""

from __future__ import annotations

from string import digits
from typing import Final

from agent.errors import Irregular, Malformed
from agent.model.regular.perl_characters import Characters, Flavour
from agent.model.regular.syntax import (
    ANY,
    BEGIN,
    EMPTY,
    END,
    Chars,
    Node,
    Spot,
    mask_of,
    repeated,
    sequence,
)

_REPEATS: Final = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def parse(text: str, flavour: Flavour, *, ignore_case: bool) -> Node:
    """Give the tree of an expression; raises Malformed for an error, Irregular for more than a regular language."""
    parser = _Parser(text, flavour, ignore_case=ignore_case)
    return parser.whole()


class _Parser(Characters):
    def __init__(self, text: str, flavour: Flavour, *, ignore_case: bool) -> None:
        super().__init__(text, flavour, ignore_case=ignore_case)
        self._spaced = False
        self._labels: set[str] = set()

    def whole(self) -> Node:
        if self._text.startswith("(*"):
            if self._flavour.strict:
                raise Malformed("* has nothing to repeat")
            raise Irregular("not supported: (*")
        node = self._alternatives(0)
        if self._next():
            raise Malformed("a group is closed that is not open")
        return node

    # ---- structure ----

    def _branch(self, depth: int) -> Node:
        parts: list[Node] = []
        while (char := self._next()) and char not in "|)":
            if self._skip(char):
                continue
            if self._text.startswith("\\Q", self._at):
                parts += self._quoted()
            else:
                parts.append(self._piece(depth))
        return sequence(parts) if parts else EMPTY

    def _skip(self, char: str) -> bool:
        """Step over what says nothing in PCRE; whether there was something. A repetition may follow it."""
        start = self._at
        if self._flavour.strict:
            return False
        if self._spaced and (char.isspace() or char == "#"):
            end = self._text.find("\n", self._at) if char == "#" else self._at
            self._at = end + 1 if end >= 0 else len(self._text)
        elif self._text.startswith("\\E", self._at):
            self._at += 2
        elif self._text.startswith("\\Q\\E", self._at):
            self._at += 4
        elif self._text.startswith("(?#", self._at):
            self._at = self._text.find(")", self._at) + 1
            if not self._at:
                raise Malformed("a comment is not closed")
        return self._at > start

    def _skip_all(self) -> None:
        while self._skip(self._next()):
            pass

    def _quoted(self) -> list[Node]:
        """The characters of a quotation; only the last is repeated by what follows."""
        end = self._text.find("\\E", self._at + 2)
        quoted = self._text[self._at + 2 : end if end >= 0 else None]
        self._at = end + 2 if end >= 0 else len(self._text)
        found: list[Node] = [self._char(one) for one in quoted]
        if found:
            found[-1] = self._with_repetitions(found[-1])
        return found

    def _char(self, char: str) -> Node:
        return Chars(self._folded(mask_of(char)))

    def _piece(self, depth: int) -> Node:
        char = self._next()
        if char in "*+?" or (char == "{" and self._times()):
            raise Malformed(f"{char} has nothing to repeat")
        start = self._at
        self._at += 1
        node: Node
        match char:
            case "(":
                group = self._group(depth)
                if group is None:
                    return EMPTY
                node = group
            case "[":
                node = Chars(self._bracket())
            case "\\":
                node = self._escaped()
            case ".":
                node = Chars(ANY, start)
            case "^":
                node = BEGIN
            case "$":
                node = END
            case _:
                node = self._char(char)
        return self._with_repetitions(node, bare=char != "(")

    # ---- repetitions ----

    def _with_repetitions(self, node: Node, *, bare: bool = True) -> Node:
        """What a node and its repetitions stand for; PCRE2 repeats places only in groups."""
        repeats = False
        while True:
            self._skip_all()
            start = self._at
            char = self._next()
            if char and char in _REPEATS:
                self._at += 1
                low, high = _REPEATS[char]
            elif char == "{" and (times := self._times()):
                low, high, self._at = times
            else:
                return node
            if repeats or (bare and isinstance(node, Spot) and not self._flavour.strict):
                raise Malformed(f"{self._text[start : self._at]} has nothing to repeat")
            repeats = True
            node = repeated(node, low, high)
            self._skip_all()
            if self._next() == "?":
                self._at += 1
            elif self._next() == "+" and not self._flavour.strict:
                raise Irregular("not supported: a possessive quantifier")

    def _times(self) -> tuple[int, int | None, int] | None:
        """The numbers in braces and where they end; None where the brace is a character."""
        end = self._text.find("}", self._at)
        if end < 0:
            return None
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        if not _is_number(low) or (high and not _is_number(high)):
            return None
        most = (int(high[:9]) if high else None) if comma else int(low[:9])
        if max(int(low[:9]), most or 0) > self._flavour.max_times:
            raise Malformed(f"more than {self._flavour.max_times} repetitions")
        if most is not None and int(low) > most:
            raise Malformed(f"repeated at least {low} and at most {high} times")
        return int(low), most, end + 1

    # ---- groups ----

    def _group(self, depth: int) -> Node | None:
        """What stands in a group; None for one that only sets options for what follows."""
        before = self._ignore_case, self._spaced
        if self._next() == "*" and not self._flavour.strict:
            raise Irregular("not supported: (*")
        if self._next() == "?":
            self._at += 1
            if not self._opened():
                return None
        node = self._alternatives(depth + 1)
        if self._next() != ")":
            raise Malformed("a group is not closed")
        self._at += 1
        self._ignore_case, self._spaced = before
        return node

    def _opened(self) -> bool:
        """Read what follows ``(?``; whether a group begins."""
        for name, end in (("P<", ">"), ("<", ">"), ("'", "'")):
            if self._text.startswith(name, self._at) and self._next(len(name)) not in ("=", "!", ""):
                if self._flavour.strict and end == "'":
                    break
                closed = self._text.find(end, self._at + len(name))
                label = self._text[self._at + len(name) : closed]
                if closed < 0 or not label.isidentifier() or not label.isascii():
                    raise Malformed("the name of a group is wrong")
                if label in self._labels:
                    raise Malformed(f"two groups are named {label}")
                self._labels.add(label)
                self._at = closed + 1
                return True
        char = self._next()
        if not self._flavour.strict:
            if char == "|":
                self._at += 1
                return True
            if char and char in "=!<>*&+R(CP0123456789":
                raise Irregular(f"not supported: (?{char}")
        return self._options()

    def _options(self) -> bool:
        on = True
        bare = not self._text.startswith("^", self._at)
        while char := self._next():
            self._at += 1
            if char in ":)":
                return char == ":"
            if char == "-" and on and bare:
                on = False
            elif char == "^" and not self._flavour.strict and self._text[self._at - 2] == "?":
                self._ignore_case = self._spaced = False
            elif char == "J" and not self._flavour.strict:
                raise Irregular("not supported: groups of the same name")
            elif char not in self._flavour.flags:
                break
            elif char == "m":
                pass  # ends of lines: names have none
            elif char == "i":
                self._ignore_case = on
            elif char == "x":
                self._spaced = on
        raise Malformed(f"(?{char} is not known")


def _is_number(text: str) -> bool:
    return bool(text) and all(char in digits for char in text)
