"""Sentences about addresses and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import prefixes

if TYPE_CHECKING:
    from agent.judge.decided import Decided
    from agent.model.intervals import Intervals

SHOWN_PREFIXES = 2
SAMPLED: Final = "there are too many patterns to know what they do to all names together"
MAX_NAMES: Final = 3
"""Names listed in a sentence."""
PASSIVE = {"drop": "dropped", "reject": "rejected", "accept": "accepted"}


def share(part: Intervals, space: Intervals) -> str:
    """``0.05 %``, ``12 addresses``, ``all``: how much of a space a part is."""
    size, total = part.size(), space.size()
    if size == total:
        return "all"
    if size == 0:
        return "none"
    percent = 100 * size / total
    if percent < 0.01:
        return "1 address" if size == 1 else f"{size} addresses"
    if percent > 99.99:
        return "all but " + share(space - part, space)
    return f"{percent:.2g} %" if percent < 10 else f"{percent:.1f} %"


def some_prefixes(addresses: Intervals, family: int) -> str:
    """``23.32.0.0/11``, or the first few and how many more there are."""
    shown = []
    for count, prefix in enumerate(prefixes(addresses, family)):
        if count < SHOWN_PREFIXES:
            shown.append(prefix)
        elif count > 1000:
            return f"{', '.join(shown)} and more than 1000 more"
    rest = count + 1 - len(shown) if shown else 0
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def stopped_by(part: Decided) -> str:
    """``dropped by inet filter forward handle 42: ip daddr ... drop``."""
    how = PASSIVE.get(part.verdict, part.verdict)
    if part.answers:
        how = f"reached, but the replies are {how}"
    if part.source is not None:
        return f"{how} by {part.source}"
    return f"{how}: {part.note}" if part.note else how


def listed(names: list[str]) -> str:
    """A few of the parts: a name, all below it, or both."""
    texts = []
    for name in dict.fromkeys(names):
        if name.startswith("*.") and name[2:] in names:
            continue
        texts.append(f"{name} and all below it" if f"*.{name}" in names else name)
    more = len(texts) - MAX_NAMES
    return ", ".join(texts[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
