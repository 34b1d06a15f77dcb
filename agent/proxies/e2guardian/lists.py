"""Lists of sites, URLs, addresses and patterns, and what they say about the names of interest (``ListContainer.cpp``).

Lists have a million lines: only those that speak of names of interest are looked at.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, address_value, prefix_interval
from agent.model.record import record
from agent.model.resolver import NameSet, Scope
from agent.model.source import Gap, Source
from agent.proxies.e2guardian.settings import MAX_DEPTH, MAX_FILES, NAME
from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.proxies.e2guardian.settings import Settings
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

KINDS: Final = {
    "iplist": "ip", "ipsitelist": "ipsite", "sitelist": "site", "urllist": "url", "regexpboollist": "pattern",
    "regexpreplacelist": "replacement", "searchlist": "search", "fileextlist": "extension", "mimelist": "mime",
}  # fmt: skip
"""Options that define lists, and what their lines are."""
MAX_LINES: Final = 5_000
"""Lines of lists that have to be read whole, as patterns and blocks of addresses."""
_FIELD: Final = re.compile(r"(?:^|,)(name|path)=([^,]*)")
_PORT: Final = re.compile(r":[0-9]+/")
_INCLUDE: Final = re.compile(r"\.Include<(?:([^>]*)>)?")
_LONGEST: Final = 2048


@record
class Entry:
    """One line that matters."""

    text: str
    source: Source
    times: tuple[Source, ...] = ()
    """``#time:`` lines of its file and of those that include it: it counts at these times only."""


@record
class Definition:
    """A list by its name: what its lines are, and the file."""

    kind: str
    name: str
    path: str
    source: Source


class Lists:
    """The lists that one configuration defines; ``gaps`` grow as they are read."""

    def __init__(self, defined: Settings, following: Following, interest: Interest) -> None:
        self._following = following
        self.interest = interest
        self._strict = defined.is_on("abortiflistmissing")
        self._defined: dict[tuple[str, str], list[Definition]] = {}
        for one in definitions(defined):
            self._defined.setdefault((one.kind, one.name), []).insert(0, one)
        self._files = 0
        self._read: dict[tuple[str, str], tuple[Entry, ...]] = {}
        self.gaps: list[Gap] = []

    def entries(self, kind: str, name: str) -> tuple[Entry, ...]:
        """The lines of a list that matter; none where there is no such list."""
        key = (kind, name)
        if key not in self._read:
            there = (one for one in self._defined.get(key, ()) if self._is_there(one))
            one = next(there, None)
            self._read[key] = () if one is None else tuple(self._entries(one))
        return self._read[key]

    def all(self) -> Iterator[tuple[Definition, tuple[Entry, ...]]]:
        """Every list with its lines that matter."""
        return ((some[0], self.entries(*key)) for key, some in self._defined.items())

    def _is_there(self, one: Definition) -> bool:
        """Whether the file exists: of definitions of one name, the last whose file does is the one that counts."""
        if not one.path.startswith("/"):
            self.gaps.append(Gap(NAME, f"list {one.name} is in no file that is found: {one.path}", one.source))
            return False
        return self._following.file(one.path, one.source if self._strict else None) is not None

    def _entries(self, one: Definition) -> Iterator[Entry]:
        long = one.kind in ("site", "url")
        words = _words(self.interest) if long else ()
        for number, entry in enumerate(self._file(one.path, one.source, words, (), 0)):
            if not long and number >= MAX_LINES:
                self.gaps.append(Gap(NAME, f"list {one.name} has more than {MAX_LINES} lines", one.source))
                return
            yield entry

    def _file(
        self, path: str, named_by: Source, words: Sequence[str], times: tuple[Source, ...], depth: int
    ) -> Iterator[Entry]:
        self._files += 1
        if depth > MAX_DEPTH or self._files > MAX_FILES:
            self.gaps.append(Gap(NAME, f"too many lists include each other: {path}", named_by))
            return
        artifact = self._following.file(path, named_by)
        if artifact is None:
            return
        own = times + tuple(Source(artifact.name, text, number) for number, text in _times(artifact))
        endings = _endings(artifact.data, self.interest) if words else ()
        for number, line in chain(lines_about(artifact.data, words), endings):
            source = Source(artifact.name, line.strip(), number)
            text = _cleaned(line)
            included = _INCLUDE.match(text)
            if included and not included[1]:
                self.gaps.append(Gap(NAME, f"{path} is not read for an .Include<> without a file", source))
            elif included:
                yield from self._file(included[1], source, words, own, depth + 1)
            elif text:
                yield Entry(text, source, own)


def definitions(defined: Settings) -> Iterator[Definition]:
    """The lists that a configuration defines, in order."""
    for one in defined.lines:
        if one.name in KINDS:
            fields = dict(_FIELD.findall(one.value.replace(" ", "")))
            yield Definition(KINDS[one.name], fields.get("name", ""), fields.get("path", ""), one.source)


def _words(interest: Interest) -> tuple[str, ...]:
    """What stands in every line that matters, but for those like ``.com``: the last two labels of names of interest."""
    above = {".".join(name.split(".")[-2:]) for name in interest.names}
    return (*sorted(above), ".include<") if above else ()


def _endings(data: bytes, interest: Interest) -> Iterator[tuple[int, str]]:
    """The first line like ``.com`` for each ending, with its number."""
    for ending in sorted({name.rpartition(".")[2] for name in interest.names}):
        pattern = rb"^[ \t]*\." + re.escape(ending.encode()) + rb"(?![^ \t\r\n/])[^\n]*"
        if found := re.search(pattern, data, re.MULTILINE | re.IGNORECASE):
            yield data.count(b"\n", 0, found.start()) + 1, found[0].decode(errors="replace")


def _times(artifact: Artifact) -> Iterator[tuple[int, str]]:
    """The ``#time:`` lines of a file; such a line in the middle counts for all of it, the last for each."""
    found = [(number, line) for number, line in lines_about(artifact.data, ("#time: ",)) if line.startswith("#time: ")]
    return iter(found[-1:])


def _cleaned(line: str) -> str:
    """A line as the program keeps it; empty where it is a comment."""
    if len(line) < 2 or len(line) > _LONGEST or line.startswith("#"):
        return ""
    return line.partition(" #")[0].strip()


def site(text: str) -> NameSet | None:
    """The names that a line of a list of sites stands for; None where it stands for none (``ListMeta::inSiteList``)."""
    name = tidied(text)
    if name.startswith("."):
        return NameSet(Scope.SUBTREE, name[1:]) if name.count(".") == 1 and len(name) > 2 else None
    return NameSet(Scope.SUBTREE, name) if "." in name and not set(name) & set("/:*?") else None


def shortened(text: str) -> str:
    """A line without what the program takes from lines of every list, patterns too: a last slash, and ``ftp://``."""
    return text.removesuffix("/").removeprefix("ftp://")


def tidied(text: str) -> str:
    """A line of a list of sites or URLs as the program compares it."""
    text = shortened(text)
    if ":" in text.partition("/")[0] and _PORT.search(text):
        text = f"{text.partition(':')[0]}/{text.partition('/')[2]}"
    return text.lower()


def clients(entries: Sequence[Entry]) -> tuple[tuple[tuple[int, Intervals], Entry], ...]:
    """The addresses of each line that is understood: one address, a block, or a range of IPv4."""
    found = []
    for one in entries:
        block = _block(one.text)
        if block is not None:
            found.append(((4, Intervals.span(*block)), one))
    return tuple(found)


def _block(text: str) -> tuple[int, int] | None:
    low, dash, high = text.partition("-")
    try:
        if dash:
            first, last = address_value(low.strip()), address_value(high.strip())
            return (first[1], last[1]) if first[0] == last[0] == 4 else None
        family, block = prefix_interval(text)
    except ValueError:
        return None
    return block if family == 4 else None
