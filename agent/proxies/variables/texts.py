"""Ways to compare a text with a word of a configuration."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from agent.model.record import record
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


def names_in(pattern: Texts) -> tuple[Texts | NameSet, ...]:
    """Give the names that fit, as sets that say what they hold where there are some."""
    if not isinstance(pattern, Literal) or pattern.how not in (How.WHOLE, How.ENDS):
        return (pattern,)
    word = pattern.text.lower() if pattern.fold else pattern.text
    if word != word.lower():  # names come in lower case
        return ()
    if pattern.how is How.WHOLE:
        return (NameSet(Scope.EXACT, word),)
    if word.startswith(".") and word != ".":
        return (NameSet(Scope.BELOW, word[1:]),)
    return (NameSet(Scope.SUBTREE, word), NameSet(Scope.WITHIN, word)) if word else (NameSet(Scope.SUBTREE, ""),)
