"""Ways to compare a text with a word of a configuration."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from agent.errors import Irregular, Malformed
from agent.model.record import record
from agent.model.regular import Dialect, Pattern, pattern
from agent.model.resolver import NameSet, Scope

if TYPE_CHECKING:
    from agent.model.proxy import Texts


class How(StrEnum):
    """Which texts fit a word."""

    WHOLE = "whole"
    BEGINS = "begins"
    ENDS = "ends"
    CONTAINS = "contains"
    WORD = "word"
    """It stands somewhere between two of the delimiters, or at an end."""


@record
class Literal:
    """A word; ``fold`` ignores case."""

    how: How
    text: str
    fold: bool = False
    delimiters: str = ""

    def __contains__(self, text: str) -> bool:
        """Whether a text fits."""
        here, word = (text.lower(), self.text.lower()) if self.fold else (text, self.text)
        match self.how:
            case How.WHOLE:
                return here == word
            case How.BEGINS:
                return here.startswith(word)
            case How.ENDS:
                return here.endswith(word)
            case How.CONTAINS:
                return word in here
            case How.WORD:
                return self._between(here, word)

    def begun(self, text: str) -> bool | None:
        """Whether all texts that begin so fit, or none; None where some do."""
        here, word = (text.lower(), self.text.lower()) if self.fold else (text, self.text)
        match self.how:
            case How.WHOLE:
                return None if word.startswith(here) else False
            case How.BEGINS:
                return True if here.startswith(word) else None if word.startswith(here) else False
            case How.CONTAINS:
                return True if word in here else None
            case How.WORD if here[-1:] in self.delimiters and here:
                return True if self._between(here, word) else None
            case _:
                return True if not word else None

    def _between(self, here: str, word: str) -> bool:
        word = word.strip(self.delimiters)
        if not word:
            return False
        at = here.find(word)
        while at >= 0:
            end = at + len(word)
            if (at == 0 or here[at - 1] in self.delimiters) and (end == len(here) or here[end] in self.delimiters):
                return True
            at = here.find(word, at + 1)
        return False


def regex(text: str, *, fold: bool) -> Pattern:
    """Read a regular expression of PCRE, anywhere in a text; raises Malformed where it is not followed."""
    try:
        return pattern(text, Dialect.PCRE, ignore_case=fold)
    except Irregular as error:
        raise Malformed(f"the regular expression {text}: {error}") from error


def names_in(texts: Texts) -> tuple[NameSet | Pattern, ...]:
    """Give the names that fit, as sets that say what they hold; raises Malformed where they cannot be told."""
    if isinstance(texts, Pattern):
        return texts.simple() or (texts,)
    if not isinstance(texts, Literal):
        raise Malformed(f"names are compared with {texts}")
    word = texts.text.lower() if texts.fold else texts.text
    if word != word.lower():  # names come in lower case
        return ()
    if texts.how is How.WHOLE:
        return (NameSet(Scope.EXACT, word),)
    if texts.how is How.ENDS:
        if word.startswith(".") and word != ".":
            return (NameSet(Scope.BELOW, word[1:]),)
        return (NameSet(Scope.SUBTREE, word), NameSet(Scope.WITHIN, word)) if word else (NameSet(Scope.SUBTREE, ""),)
    bare = word.strip(texts.delimiters) if texts.how is How.WORD else word
    if texts.how is How.WORD and not bare:
        return ()
    edge = re.escape(texts.delimiters)
    edges = {How.BEGINS: ("^", ""), How.CONTAINS: ("", ""), How.WORD: (f"(^|[{edge}])", f"($|[{edge}])")}
    before, after = edges[texts.how]
    return names_in(regex(before + re.escape(bare) + after, fold=False))
