"""The filter file (filter.c): one pattern a line, compared with the name, or with the URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
from agent.model.record import record
from agent.model.source import Source
from agent.proxies.tinyproxy.lines import pieces
from agent.proxies.tinyproxy.patterns import Syntax, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.names import Interest
    from agent.model.regular import Pattern
    from agent.snapshot import Artifact

LONGEST: Final = 511
"""What follows is a line of its own (FILTER_BUFFER_LEN)."""
MOST: Final = 20_000
"""Lines that are kept."""

_LINE: Final = re.compile(rb"[ \t\n\v\f\r]*((?:\\#|[^# \t\n\v\f\r])+)")
_PLAIN: Final = re.compile(r"(\^?)((?:[a-zA-Z0-9_-]|\\?\.)+)(\$?)")


@record
class Entry:
    """One line: its text without comment, and what it fits."""

    text: str
    fits: Pattern | None
    source: Source
    because: str = ""
    """Why it cannot be decided what it fits."""


def entries(artifact: Artifact, syntax: Syntax, interest: Interest, *, ignore_case: bool) -> Iterator[Entry]:
    r"""The lines that may fit names of interest; raises Malformed where tinyproxy would not start.

    Those are left out that name another domain: ``ads\.example\.com`` also fits ``ads.example.com.livechat.com``,
    which nobody has.
    """
    near = Near(interest)
    kept = 0
    for number, line in pieces(artifact.data, LONGEST):
        found = _LINE.match(line)
        text = found[1].decode(errors="surrogateescape") if found else ""
        if not text or (interest.names and not near.may_fit(text, syntax)):
            continue
        kept += 1
        if kept > MOST:
            raise Malformed(f"more than {MOST} patterns that may fit", line=number)
        source = Source(artifact.name, line.decode(errors="replace").strip(), number)
        try:
            yield Entry(source.text, read(text, syntax, ignore_case=ignore_case), source)
        except Malformed as error:
            raise Malformed(f"{source.text}: {error}", line=number) from error
        except Irregular as error:
            yield Entry(source.text, None, source, f"{source.text}: {error}")


class Near:
    """Tells lines that may fit names of interest, or names below, from those that plainly name others."""

    def __init__(self, interest: Interest) -> None:
        self._interest = interest
        names = sorted(interest.names)
        self._at_the_end = _backwards(f".{name}" for name in names)
        self._anywhere = _backwards(f".{name}"[:end] for name in names for end in range(1, len(name) + 2))

    def may_fit(self, text: str, syntax: Syntax) -> bool:
        """Whether a line may fit; lines that are not plain may."""
        if syntax is Syntax.FNMATCH:
            tail = text.lower().removeprefix("*")
            if any(letter in tail for letter in "*?[\\:/"):
                return True
            return (
                self._interest.ends_in(tail.removeprefix(".")) if text.startswith("*") else self._interest.holds(tail)
            )
        found = _PLAIN.fullmatch(text)
        if not found or "." not in found[2]:
            return True
        body = found[2].replace("\\", "").lower()[::-1]
        return (self._at_the_end if found[3] else self._anywhere).match(body) is not None


def _backwards(texts: Iterable[str]) -> re.Pattern[str]:
    """What agrees with one of the texts from its end on, as far as the shorter goes; its dots stand for anything."""
    ways = set()
    for text in texts:
        way = ""
        for letter in text:
            way = f"(?:\\Z|[.{re.escape(letter)}]{way})"
        ways.add(way)
    return re.compile("|".join(sorted(ways)) or r"(?!)")
