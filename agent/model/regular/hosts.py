"""The host names of one region below a domain, read from their end: an automaton of labels.

Labels have letters, digits, hyphens and underscores, and no hyphen at either end. They have 63 characters at most,
which only a ``measured()`` region minds: it takes far more places, and hardly any pattern asks for longer labels.
"""

from __future__ import annotations

from copy import copy
from string import ascii_lowercase, digits
from typing import Final

ALPHABET: Final = ascii_lowercase + digits + "-_."
"""In the order in which samples prefer them."""
MAX_LABEL: Final = 63
MAX_NAME: Final = 253

Place = tuple[bool, str | None, str, int]
"""Whether the first label is still read; what was read of it, where that matters; what the last character of a label
was; and how many it has, where that is measured."""


class Region:
    """All names that end in a text, but for some labels that stand there."""

    def __init__(
        self,
        ending: str,
        taken: frozenset[str] = frozenset(),
        endings: frozenset[str] = frozenset(),
        *,
        deeper: bool | None = None,
    ) -> None:
        """Make one.

        ``ending`` is ``.livechat.com``, or ``ads.livechat.com`` for all that end so with more of that label before it.
        Labels that are ``taken`` belong to other regions, and so do those with one of the ``endings`` and more before
        it. ``deeper``: whether more labels stand before the first one; None: both.
        """
        self.ending = ending
        self.letters = frozenset("".join((*taken, *endings)))
        """Characters that matter one by one."""
        self._label = ending.partition(".")[0]
        self._taken = taken
        self._endings = endings
        self._deeper = deeper
        self.measures = False
        self._kept = {label[at:] for label in (*taken, *endings) for at in range(len(label) + 1)}

    @property
    def start(self) -> Place:
        """Give the place where the ending is read."""
        length = len(self._label) if self.measures else 0
        return True, self._label if self._label in self._kept else None, "", length

    def measured(self) -> Region:
        """The same, without names that have too long labels."""
        found = copy(self)
        found.measures = True
        return found

    def step(self, place: Place, char: str) -> Place | None:
        """Read one more character; None where no name of the region goes on so."""
        first, label, last, length = place
        if char == ".":
            return (False, None, "", 0) if self._closes(place) and not (first and self._deeper is False) else None
        if char == "-" and not last and not (first and self._label):
            return None
        last = char if char == "-" else "a"
        length += self.measures
        if length > MAX_LABEL:
            return None
        if label is None:
            return first, None, last, length
        if label in self._endings:
            return None
        label = char + label
        return first, label if label in self._kept else None, last, length

    def ends(self, place: Place) -> bool:
        """Whether a name of the region may begin here."""
        return self._closes(place) and not (place[0] and self._deeper)

    def holds(self, name: str) -> bool:
        """Whether a name belongs to it."""
        if not name.endswith(self.ending) or len(name) > MAX_NAME:
            return False
        place: Place | None = self.start
        for char in reversed(name[: len(name) - len(self.ending)]):
            if char not in ALPHABET or place is None:
                return False
            place = self.step(place, char)
        return place is not None and self.ends(place)

    def _closes(self, place: Place) -> bool:
        """Whether a label may begin here."""
        first, label, last, _ = place
        return bool(last) and last != "-" and not (first and label in self._taken)
