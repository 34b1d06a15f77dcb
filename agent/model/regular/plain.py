"""Patterns that plainly list names and domains, and dots in them that are probably meant as dots."""

from __future__ import annotations

from itertools import pairwise, product
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Final

from agent.model.regular.syntax import ANY, BEGIN, END, Chars, Either, Repeat, Seq, Spot, both_cases, mask_of
from agent.model.resolver import NameSet, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.regular.syntax import Node

MAX_WAYS: Final = 64
"""More alternatives than anybody lists in one pattern."""

_LETTERS: Final = ascii_lowercase + digits + "-_"
_SINGLE: Final = {mask: char for char in _LETTERS + "." for mask in (mask_of(char), both_cases(mask_of(char)))}
"""The characters of names, by their bits with and without regard to case."""
_NAMED: Final = mask_of(_LETTERS + ".")
_UNNAMED: Final = "\0"

Way = tuple[object, ...]


def name_sets(tree: Node) -> tuple[NameSet, ...] | None:
    """Give sets of the same host names; None where a pattern is not a plain list."""
    ways = _ways(tree)
    if ways is None:
        return None
    found: dict[NameSet, None] = {}
    for way in ways:
        sets = _sets(list(way))
        if sets is None:
            return None
        found |= dict.fromkeys(sets)
    for one in list(found):
        below = NameSet(Scope.BELOW, one.text)
        if one.scope is Scope.EXACT and below in found:
            del found[one], found[below]
            found[NameSet(Scope.SUBTREE, one.text)] = None
    return tuple(found)


def _sets(way: list[object]) -> list[NameSet] | None:
    """The names of one alternative: characters, ends, and repetitions of any character."""
    if _UNNAMED in way:
        return []  # no name has such a character
    if not way or way[-1] != END:
        return None
    while way and way[-1] == END:
        way.pop()
    anchored = bool(way) and way[0] == BEGIN
    while way and way[0] == BEGIN:
        way.pop(0)
    free = not anchored
    least = 0
    while way and isinstance(way[0], Repeat):
        free = True
        least = max(least, way[0].low) if anchored else 0
        way.pop(0)
    text = "".join(one for one in way if isinstance(one, str))
    if len(text) != len(way) or not text.strip("."):
        return None
    below = text.removeprefix(".") if free else text
    found = []
    if _is_host_name("a" + below):
        found = [NameSet(Scope.WITHIN, text)] if free and below == text else []
        if _is_host_name(below):
            found += [NameSet(Scope.EXACT, text)] if below == text and not least else []
            found += [NameSet(Scope.BELOW, below)] if free else []
    return found


def _is_host_name(text: str) -> bool:
    return all(label and label[0] != "-" and label[-1] != "-" for label in text.split("."))


def _ways(node: Node) -> list[Way] | None:
    """All alternatives of a pattern; None where they are not plain, or too many."""
    match node:
        case Chars(mask):
            if not mask & _NAMED:
                return [(_UNNAMED,)]
            char = _SINGLE.get(mask)
            return [(char,)] if char else None
        case Spot():
            return [(node,)] if node in (BEGIN, END) else None
        case Repeat(Chars(mask), 0 | 1, None) if mask == ANY:
            return [(Repeat(Chars(ANY), node.low, None),)]
        case Repeat(body, 0, 1):
            inner = _ways(body)
            return None if inner is None or len(inner) >= MAX_WAYS else [(), *inner]
        case Repeat():
            return None
        case Either(ways):
            found: list[Way] = []
            for way in ways:
                inner = _ways(way)
                if inner is None or len(found) + len(inner) > MAX_WAYS:
                    return None
                found += inner
            return found
        case Seq(parts):
            found = [()]
            for part in parts:
                inner = _ways(part)
                if inner is None or len(found) * len(inner) > MAX_WAYS:
                    return None
                found = [(*one, *other) for one, other in product(found, inner)]
            return found


def unescaped_dots(tree: Node) -> tuple[int, ...]:
    """Where a ``.`` that stands for any character is between two characters of labels."""
    return tuple(sorted(set(_dots(tree))))


def _dots(node: Node) -> Iterator[int]:
    match node:
        case Either(parts):
            for part in parts:
                yield from _dots(part)
        case Repeat(body):
            yield from _dots(body)
        case Seq(parts):
            for part in parts:
                yield from _dots(part)
            for (left, middle), (_, right) in pairwise(pairwise(parts)):
                if isinstance(middle, Chars) and middle.dot >= 0 and _is_letter(left, -1) and _is_letter(right, 0):
                    yield middle.dot


def _is_letter(node: Node, end: int) -> bool:
    """Whether a node ends (-1) or begins (0) with a character of a label, whatever way is taken."""
    match node:
        case Chars(mask):
            return _SINGLE.get(mask, ".") != "."
        case Seq(parts):
            return bool(parts) and _is_letter(parts[end], end)
        case Either(ways):
            return all(_is_letter(way, end) for way in ways)
        case Repeat(body, low):
            return low > 0 and _is_letter(body, end)
        case _:
            return False
