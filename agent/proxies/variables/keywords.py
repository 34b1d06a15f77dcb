"""Tables of a program's keywords, by what they mean for a required name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


@record
class Table:
    """Keywords of one kind of place."""

    modelled: frozenset[str]
    """Read, and followed."""
    harmless: frozenset[str]
    """Cannot change whether a request for a name passes."""
    open: Mapping[str, str]
    """Not followed, and why that may matter."""

    def doubt(self, word: str) -> str:
        """Why a keyword may matter; empty where it is followed, or cannot."""
        if word in self.modelled or word in self.harmless:
            return ""
        return self.open.get(word, f"{word} is not understood")

    @property
    def tables(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """The three sets of keywords."""
        return self.modelled, self.harmless, frozenset(self.open)
