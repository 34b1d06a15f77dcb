"""A pattern of names, as a value."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
from agent.model.record import record
from agent.model.regular import perl, posix, shell, tre
from agent.model.regular.automaton import DEAD, MATCHED, Automaton
from agent.model.regular.perl_characters import GO, PCRE
from agent.model.regular.plain import name_sets, unescaped_dots
from agent.model.regular.syntax import EDGE, MAX_TEXT, OTHERS, check_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.regular.automaton import State
    from agent.model.regular.syntax import Node
    from agent.model.resolver import NameSet


MAX_BEHIND: Final = 1000
"""States that what follows a text may lead to."""


class Dialect(StrEnum):
    """How a program reads its patterns."""

    POSIX_EXTENDED = "posix-extended"
    """``regcomp`` with REG_EXTENDED, of glibc: squid."""
    POSIX_BASIC = "posix-basic"
    """``regcomp`` without: tinyproxy."""
    TRE = "tre"
    """Extended, of TRE: Pi-hole."""
    PCRE = "pcre"
    """nginx, HAProxy, e2guardian."""
    GO = "go"
    """RE2 in Go: AdGuard Home."""
    FNMATCH = "fnmatch"
    """``fnmatch`` of glibc without flags, the whole name: tinyproxy."""
    WILDCARDS = "wildcards"
    """``*`` for any text, dots too, and ``?`` for any character, the whole name."""


_PARSERS: Final[dict[Dialect, Callable[..., Node]]] = {
    Dialect.POSIX_EXTENDED: partial(posix.parse, extended=True),
    Dialect.POSIX_BASIC: partial(posix.parse, extended=False),
    Dialect.TRE: tre.parse,
    Dialect.PCRE: partial(perl.parse, flavour=PCRE),
    Dialect.GO: partial(perl.parse, flavour=GO),
    Dialect.FNMATCH: shell.parse_fnmatch,
    Dialect.WILDCARDS: shell.parse_wildcards,
}


@record
class Pattern:
    """The names that a pattern matches, or with ``inverted`` those that it does not.

    Names reach filters in lower case: a capital in a pattern that does not ignore case matches nothing. Make one by
    ``pattern()``.
    """

    text: str
    """As the administrator wrote it."""
    dialect: Dialect
    ignore_case: bool
    inverted: bool
    before: str
    """What stands before the name in the text that the program looks at, as ``https://``."""
    after: str
    """What stands behind it, as ``:443``."""
    tree: Node = field(compare=False, repr=False)
    automaton: Automaton = field(compare=False, repr=False)
    listed: tuple[NameSet, ...] | None = field(compare=False, repr=False)
    """Sets of the same host names, if the tree alone counts."""
    behind: State | None = field(default=None, repr=False)
    """What its automaton knows of the text that follows ``after``; None: nothing follows."""

    def __contains__(self, name: str) -> bool:
        """Whether a name belongs to it."""
        return self.ends(self.automaton.run(self.start, name)) is not self.inverted

    @property
    def start(self) -> State:
        """Give the state of its automaton before the end of a name is read; names are read from there."""
        return self.automaton.run(self.behind or self.automaton.start, self.after)

    def ends(self, state: State) -> bool:
        """Whether the text of the pattern matches if a name begins here."""
        if state is MATCHED or state is DEAD:
            return state is MATCHED
        return bool(self.automaton.run(state, self.before).accepts >> EDGE & 1)

    def tails(self, most: int = MAX_BEHIND) -> tuple[State, ...] | None:
        """Give the states that all texts lead to which may follow what is known; None where there are more."""
        begin = self.automaton.start
        masks = self.automaton.masks
        alike = {tuple(mask >> char & 1 for mask in masks): char for char in range(OTHERS + 1)}
        seen = {begin: None}
        waiting = [begin]
        while waiting:
            state = waiting.pop()
            after = {self.automaton.step(state, char): None for char in alike.values()}
            waiting += [one for one in after if one not in seen]
            seen |= after
            if len(seen) > most:
                return None
        return tuple(seen)

    def begun(self, text: str) -> bool | None:
        """Whether it fits all texts that begin so, or none; None where it fits some, or where that takes too long."""
        tails = self.tails()
        if tails is None:
            return None
        ends = {self.ends(self.automaton.run(state, text)) is not self.inverted for state in tails}
        return ends.pop() if len(ends) == 1 else None

    def simple(self) -> tuple[NameSet, ...] | None:
        """Give sets of the same host names where it plainly lists names and domains."""
        return None if self.inverted or self.before or self.after or self.behind else self.listed

    def unescaped_dots(self) -> tuple[int, ...]:
        """Where in the text there is a ``.`` between two letters of names that stands for any character."""
        found = unescaped_dots(self.tree)
        if self.text.isascii() or self.dialect is Dialect.GO:
            return found
        octets = _octets(self.text)
        return tuple(len(octets[:at].decode(errors="surrogateescape")) for at in found)


def pattern(  # noqa: PLR0913 - all but two by name
    text: str,
    dialect: Dialect,
    *,
    ignore_case: bool = False,
    inverted: bool = False,
    before: str = "",
    after: str = "",
) -> Pattern:
    """Read a pattern; raises Malformed where the program would refuse it, Irregular where we cannot decide about it."""
    if len(text) > MAX_TEXT:
        raise Irregular(f"too large: more than {MAX_TEXT} characters")
    # all but Go read octets, in the C locale or without PCRE2_UTF: a repetition repeats the last octet of a letter
    symbols = text if dialect is Dialect.GO else _octets(text).decode("latin-1")
    tree = _PARSERS[dialect](symbols, ignore_case=ignore_case)
    check_size(tree)
    return Pattern(text, dialect, ignore_case, inverted, before, after, tree, Automaton(tree), name_sets(tree))


def _octets(text: str) -> bytes:
    """What a file has for a text that was read from it."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise Malformed("it is no text") from error
