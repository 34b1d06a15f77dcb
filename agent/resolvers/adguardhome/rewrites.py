"""The setting ``rewrites`` (``findRewrites`` and ``processRewrites`` in AdGuard Home's filtering package).

Aliases come before addresses, whole names before wildcards, and of these the longest. A name that is rewritten for some
type of question has no data for the others. An alias to the name itself, and the words A and AAAA, are exceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import as_address
from agent.model.record import record
from agent.model.resolver import Fate, NameSet, Outcome, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.source import Source

KEPT: Final = {"A": 4, "AAAA": 6}
"""Answers that leave one family to other servers."""
GOES_ON: Final = Outcome(Fate.GOES_ON)


@record
class Entry:
    """One rewrite; ``domain`` is lower case and may begin with ``*.``."""

    domain: str
    answer: str
    source: Source

    @property
    def is_wildcard(self) -> bool:
        """Whether it is about the names below one."""
        return self.domain.startswith("*.")

    @property
    def family(self) -> int | None:
        """The family that it is about; None for an alias."""
        found = as_address(self.answer)
        return KEPT.get(self.answer) or (found[0] if found else None)

    def fits(self, name: str) -> bool:
        """Whether it is about a name."""
        return name == self.domain or (self.is_wildcard and name.endswith(self.domain[1:]))


def outcomes(entries: Sequence[Entry]) -> Iterator[tuple[NameSet, int, Outcome, Source]]:
    """What becomes of names for each family, in the order in which names are to be looked for."""
    targets = (one.answer.lower() for one in entries if one.family is None)
    whole = {one.domain for one in entries if not one.is_wildcard}
    whole |= {name for name in targets if any(one.fits(name) for one in entries)}
    below = {one.domain[2:] for one in entries if one.is_wildcard}
    sets = [(NameSet(Scope.EXACT, name), name) for name in sorted(whole)]
    # no other entry is about a label that no name has
    sets += [(NameSet(Scope.BELOW, name), f"?.{name}") for name in sorted(below, key=lambda one: (-len(one), one))]
    for names, sample in sets:
        for family in (4, 6):
            if found := _outcome(entries, sample, family):
                yield names, family, *found


def _outcome(entries: Sequence[Entry], name: str, family: int) -> tuple[Outcome, Source] | None:
    """What becomes of one question; None where nothing is said."""
    found = _find(entries, name, family)
    if found is None:
        return None
    source = next((one.source for one in entries if one.fits(name)), entries[0].source)
    alias, seen = name, {name}
    while found and found[0].family is None:
        first = found[0]
        source, answer = first.source, first.answer.lower()
        if answer in (name, first.domain):
            return GOES_ON, source
        if answer == alias and first.is_wildcard:
            break
        if answer in seen:
            return Outcome(Fate.UNKNOWN, because="names are rewritten in a circle"), source
        seen.add(answer)
        alias = answer
        found = _find(entries, alias, family)
    addresses = set()
    for one in found or ():
        if one.family == family:
            if one.answer in KEPT:
                return GOES_ON, one.source
            addresses.add(as_address(one.answer) or (family, 0))
            source = one.source
    if addresses:
        return Outcome(Fate.ADDRESSES, frozenset(addresses)), source
    return (Outcome(Fate.ALIAS, target=alias) if alias != name else Outcome(Fate.NODATA)), source


def _find(entries: Sequence[Entry], name: str, family: int) -> list[Entry] | None:
    """The entries that decide about a question; None where none is about the name."""
    about = [one for one in entries if one.fits(name)]
    if not about:
        return None
    found = [one for one in about if one.family in (None, family) or one.answer in KEPT]
    found.sort(key=lambda one: (one.family is not None, one.is_wildcard, -len(one.domain)))
    first = next((at for at, one in enumerate(found) if one.is_wildcard), len(found))
    return found[: max(1, first)]
