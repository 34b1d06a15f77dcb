"""Lines of filter files as patterns (FilterType)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agent.model.record import record
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
    return pattern(text, _DIALECTS[syntax], ignore_case=ignore_case and syntax is not Syntax.FNMATCH)


@record
class Url:
    """A pattern that is compared with URLs."""

    pattern: Pattern

    def __contains__(self, text: str) -> bool:
        return text in self.pattern

    def begun(self, text: str) -> bool | None:
        """Whether it fits all texts that begin so, or none: unknown but where nothing that follows matters."""
        del text
        return None
