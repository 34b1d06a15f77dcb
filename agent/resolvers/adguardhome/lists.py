"""Filter lists, searched for what may be about the names of interest: a list may have a million lines.

Most lines are about one name, and are of interest where that is. All others (wildcards, regular expressions, beginnings
of names) may be about any name, and are read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals
from agent.model.record import record
from agent.model.source import Source
from agent.resolvers.adguardhome.lines import FilterRule, HostLine, parse
from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.names import Interest

_OTHERS: Final = re.compile(
    rb"^(?!(?:(?:@@)?\|\|[a-z0-9_.-]+\^\|?(?:\$[^\n]*)?|[0-9:][0-9a-f:.]*[ \t]+[^\n]*"
    rb"|(?:[a-z0-9-]+\.)*[a-z]{2,}(?:[ \t]+#[^\n]*)?|[!#][^\n]*)?[ \t]*\r?$)[^\n]+",
    re.IGNORECASE | re.MULTILINE,
)
"""Lines that are not about one name alone."""
_ADDRESS: Final = re.compile(
    rb"^[ \t]*(@@)?(\|\||\|)?(\d{1,3})\.(\d{1,3}\.\d{1,3})\.(\d{1,3})(\^|\|)?[ \t]*\r?$", re.MULTILINE
)
"""Lines about an IPv4 address in answers."""


@record
class Lists:
    """What several lists say."""

    rules: tuple[FilterRule, ...] = ()
    hosts: tuple[HostLine, ...] = ()
    addresses: Intervals = Intervals()
    """IPv4 addresses that answers may not have."""
    excepted: Intervals = Intervals()
    source: Source | None = None
    """Of the first line about addresses."""


def read(lists: Iterable[tuple[str, bytes, int]], interest: Interest) -> Lists:
    """Read lists: the artifact that each is in, what it says, and how many lines of the artifact come before that."""
    rules: list[FilterRule] = []
    hosts: list[HostLine] = []
    bad: list[Intervals] = []
    good: list[Intervals] = []
    first: Source | None = None
    for artifact, data, before in lists:
        for number, text in _of_interest(data, interest):
            found = parse(text, Source(artifact, text.strip(), before + number))
            if isinstance(found, HostLine):
                hosts.append(found)
            elif found is not None:
                rules.append(found)
        for line in _ADDRESS.finditer(data):
            (good if line[1] else bad).append(_addresses(line))
            if first is None:
                number = before + data.count(b"\n", 0, line.start()) + 1
                first = Source(artifact, line[0].decode().strip(), number)
    return Lists(tuple(rules), tuple(hosts), Intervals.union(bad), Intervals.union(good), first)


def _of_interest(data: bytes, interest: Interest) -> Iterator[tuple[int, str]]:
    """Lines that may be about names of interest, with their numbers."""
    above = {name.split(".", depth)[-1] for name in interest.names for depth in range(1, name.count(".") + 1)}
    words = (*interest.names, *(f"||{name}^" for name in above))
    found = dict(lines_about(data, words))
    number, counted = 1, 0
    for line in _OTHERS.finditer(data) if words else ():
        number += data.count(b"\n", counted, line.start())
        counted = line.start()
        found[number] = line[0].decode(errors="replace")
    return iter(sorted(found.items()))


def _addresses(line: re.Match[bytes]) -> Intervals:
    """The addresses whose text a pattern fits, which may begin and end within a number."""
    begin, middle, end = line[3].decode(), [int(part) for part in line[4].split(b".")], line[5].decode()
    firsts = [one for one in range(256) if str(one).endswith(begin) and (not line[2] or str(one) == begin)]
    lasts = [one for one in range(256) if str(one).startswith(end) and (not line[6] or str(one) == end)]
    if max(middle) > 255:
        return Intervals()
    inside = (middle[0] << 16) + (middle[1] << 8)
    return Intervals.of(((one << 24) + inside + last,) * 2 for one in firsts for last in lasts)
