"""Lines of filter files as patterns (FilterType)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.model.regular import Dialect, pattern

if TYPE_CHECKING:
    from agent.model.regular import Pattern


class Syntax(StrEnum):
    """What the lines are written in."""

    BRE = "bre"
    ERE = "ere"
    FNMATCH = "fnmatch"


_DIALECTS: Final = {
    Syntax.BRE: Dialect.POSIX_BASIC,
    Syntax.ERE: Dialect.POSIX_EXTENDED,
    Syntax.FNMATCH: Dialect.FNMATCH,
}


def read(text: str, syntax: Syntax, *, ignore_case: bool) -> Pattern:
    """Make a pattern; raises Malformed where tinyproxy would not start, Irregular where it cannot be decided about."""
    folded = ignore_case and syntax is not Syntax.FNMATCH
    return pattern(text, _DIALECTS[syntax], ignore_case=folded)


def in_url(found: Pattern, before: str, after: str) -> Pattern:
    """The same, of names that stand in a URL."""
    return replace(found, before=before, after=after)
