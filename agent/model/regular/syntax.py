"""One syntax tree for all dialects: what a pattern says, and how large the automaton for it would be.

Characters are bits of a number: 0 to 127 as in ASCII, and one more for all others. No name has those; a pattern that
mentions one of them by itself mentions nothing here.
"""

from __future__ import annotations

from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, hexdigits, punctuation
from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

OTHERS: Final = 128
"""The bit of all characters outside of ASCII."""
ANY: Final = (1 << OTHERS + 1) - 1
MAX_EDGES: Final = 20_000
"""Steps of an automaton: far more than any pattern that a person wrote needs."""
MAX_DEPTH: Final = 60
"""Groups inside of groups."""
MAX_TEXT: Final = 10_000
"""Characters of a pattern."""

EDGE, WORD, OTHER = range(3)
"""What stands beside a place: the end of the text, a character of words, or another one."""


def mask_of(characters: Iterable[str]) -> int:
    """The bits of some characters, without those that are not ASCII."""
    found = 0
    for one in characters:
        if one.isascii():
            found |= 1 << ord(one)
    return found


WORDS: Final = mask_of(ascii_letters + digits + "_")
CLASSES: Final = {
    "alnum": mask_of(ascii_letters + digits),
    "alpha": mask_of(ascii_letters),
    "blank": mask_of(" \t"),
    "cntrl": (1 << 32) - 1 | 1 << 127,
    "digit": mask_of(digits),
    "graph": mask_of(ascii_letters + digits + punctuation),
    "lower": mask_of(ascii_lowercase),
    "print": mask_of(ascii_letters + digits + punctuation + " "),
    "punct": mask_of(punctuation),
    "space": mask_of(" \t\n\v\f\r"),
    "upper": mask_of(ascii_uppercase),
    "xdigit": mask_of(hexdigits),
}
"""The named classes of POSIX, in the C locale."""

_LOWER: Final = CLASSES["lower"]
_UPPER: Final = CLASSES["upper"]
_APART: Final = ord("a") - ord("A")


def both_cases(mask: int) -> int:
    """These characters in upper and in lower case."""
    return mask | (mask & _LOWER) >> _APART | (mask & _UPPER) << _APART


def between(first: str, last: str) -> int:
    """A range of characters; raises Malformed where it runs backwards."""
    if first > last:
        raise Malformed(f"the range {first}-{last} runs backwards")
    low, high = ord(first), min(ord(last), OTHERS)
    return (1 << high + 1) - (1 << low) if low <= high else 0


@record
class Chars:
    """One character out of some."""

    mask: int
    dot: int = -1
    """Where a ``.`` that stands for any character is written; -1: it is something else."""


@record
class Spot:
    """A place between two characters: a bit ``3 * left + right`` for each pair of neighbours that it may have."""

    allowed: int


@record
class Seq:
    """One after the other."""

    parts: tuple[Node, ...]


@record
class Either:
    """One of these."""

    ways: tuple[Node, ...]


@record
class Repeat:
    """Again and again; no ``high``: without end."""

    body: Node
    low: int
    high: int | None


Node = Chars | Spot | Seq | Either | Repeat

EMPTY: Final = Seq(())


def spot(lefts: Iterable[int], rights: Iterable[int]) -> int:
    """The bits of all pairs of these neighbours."""
    across = tuple(rights)
    return sum({1 << 3 * left + right for left in lefts for right in across})


EVERY: Final = (EDGE, WORD, OTHER)
UNWORD: Final = (EDGE, OTHER)
BEGIN: Final = Spot(spot((EDGE,), EVERY))
END: Final = Spot(spot(EVERY, (EDGE,)))
WORD_BEGIN: Final = Spot(spot(UNWORD, (WORD,)))
WORD_END: Final = Spot(spot((WORD,), UNWORD))
WORD_EDGE: Final = Spot(WORD_BEGIN.allowed | WORD_END.allowed)
NO_WORD_EDGE: Final = Spot(spot(EVERY, EVERY) & ~WORD_EDGE.allowed)


def sequence(parts: list[Node]) -> Node:
    """One after the other; a single one is itself."""
    return parts[0] if len(parts) == 1 else Seq(tuple(parts))


def either(ways: list[Node]) -> Node:
    """One of these; a single one is itself."""
    return ways[0] if len(ways) == 1 else Either(tuple(ways))


def repeated(body: Node, low: int, high: int | None) -> Node:
    """Again and again; raises Malformed where the most is less than the least."""
    if high is not None and low > high:
        raise Malformed(f"repeated at least {low} and at most {high} times")
    if high == 0:
        return EMPTY
    if high is None and low <= 1 and isinstance(body, Repeat) and body.high is None and body.low <= 1:
        return Repeat(body.body, min(low, body.low), None)
    return Repeat(body, low, high)


def has_spots(node: Node) -> bool:
    """Whether something in a pattern depends on what stands beside it."""
    match node:
        case Spot():
            return True
        case Seq(parts) | Either(parts):
            return any(has_spots(part) for part in parts)
        case Repeat(body):
            return has_spots(body)
        case _:
            return False


@record
class _Size:
    """Of an automaton: ways into it, ways out of it, steps inside, and whether it can be passed without a character."""

    first: int
    last: int
    edges: int
    empty: bool


_PREFERRED: Final = ascii_lowercase + digits + ".-_"


def shortest(node: Node) -> str:
    """Give one of the shortest texts that a pattern may stand for, whatever stands beside its places."""
    match node:
        case Chars(mask):
            return next((char for char in _PREFERRED if mask >> ord(char) & 1), "~")
        case Spot():
            return ""
        case Seq(parts):
            return "".join(shortest(part) for part in parts)
        case Either(ways):
            return min((shortest(way) for way in ways), key=len)
        case Repeat(body, low):
            return shortest(body) * low if low else ""


def check_size(tree: Node) -> None:
    """Raise Irregular where the automaton would be too large."""
    _size(tree, 0)


def _size(node: Node, depth: int) -> _Size:
    if depth > 4 * MAX_DEPTH:
        raise Irregular("too large: too many groups inside of each other")
    match node:
        case Chars():
            return _Size(1, 1, 1, empty=False)
        case Spot():
            return _Size(0, 0, 1, empty=True)
        case Seq(parts):
            found = _Size(0, 0, 0, empty=True)
            for part in parts:
                found = _joined(found, _size(part, depth + 1))
            return found
        case Either(ways):
            sizes = [_size(way, depth + 1) for way in ways]
            return _bounded(
                sum(one.first for one in sizes),
                sum(one.last for one in sizes),
                sum(one.edges for one in sizes),
                empty=any(one.empty for one in sizes),
            )
        case Repeat(body, low, high):
            one = _size(body, depth + 1)
            times = max(low, 1) if high is None else high
            optional = times if one.empty or not low else times - low + 1
            first = one.first * (times if one.empty else 1)
            last = one.last * optional
            between_copies = one.last * one.first * (times * times if one.empty else times + optional)
            return _bounded(first, last, one.edges * times + between_copies, empty=one.empty or not low)


def _joined(one: _Size, other: _Size) -> _Size:
    return _bounded(
        one.first + (other.first if one.empty else 0),
        other.last + (one.last if other.empty else 0),
        one.edges + other.edges + one.last * other.first,
        empty=one.empty and other.empty,
    )


def _bounded(first: int, last: int, edges: int, *, empty: bool) -> _Size:
    if max(first, last, edges) > MAX_EDGES:
        raise Irregular("too large: its repetitions need too many states")
    return _Size(first, last, edges, empty)
