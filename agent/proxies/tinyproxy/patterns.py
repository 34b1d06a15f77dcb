"""Lines of filter files as patterns (FilterType)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
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


def without_path(found: Pattern) -> Pattern | None:
    """What must fit in front of the path for the whole to fit; None where that cannot be parted."""
    before, slashes, behind = found.text.rpartition("://")
    host, slash, _ = behind.partition("/")
    if not slash or not host:
        return None
    text = f"{before}{slashes}{host}{'*' if found.dialect is Dialect.FNMATCH else ''}"
    try:
        return pattern(text, found.dialect, ignore_case=found.ignore_case)
    except (Malformed, Irregular):
        return None
