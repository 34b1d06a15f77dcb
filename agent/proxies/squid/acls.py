"""The access lists' elements by name (``acl NAME TYPE ...``), with the lists in files that they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.proxies.squid.lines import PROGRAM, Line
from agent.proxies.squid.words import values_of, words
from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.names import Interest
    from agent.proxies.squid.words import Word
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

BUILT_IN: Final = (
    "all src all",
    r"manager url_regex -i ^cache_object:// +i ^https?://[^/]+/squid-internal-mgr/",
    "localhost src 127.0.0.1/32 ::1",
    "to_localhost dst 127.0.0.0/8 0.0.0.0/32 ::1 ::",
    "to_linklocal dst 169.254.0.0/16 fe80::/10",
    "CONNECT method CONNECT",
)
"""Elements that are always there (``cf.data.pre``; ``to_linklocal`` from version 6 on)."""
PATTERNS: Final = frozenset({
    "dstdom_regex", "srcdom_regex", "url_regex", "urlpath_regex", "urllogin", "browser", "referer_regex",
    "req_mime_type", "rep_mime_type", "req_header", "rep_header", "ident_regex", "proxy_auth_regex", "ext_user_regex",
    "peername_regex", "ssl::server_name_regex",
})  # fmt: skip
"""Types whose words are regular expressions."""
ADDRESSES: Final = frozenset({"src", "dst", "localip"})
NAME_PATTERNS: Final = frozenset({"dstdom_regex", "ssl::server_name_regex"})
_PLAIN_END: Final = re.compile(r"(?:\^|\(\^\|\\\.\)|)((?:[A-Za-z0-9-]|\\\.)+)\$")
_NAME: Final = re.compile(r"[A-Za-z0-9.-]+")
DOMAINS: Final = frozenset({"dstdomain", "srcdomain", "ssl::server_name"})
FIRST_WORDS: Final = {"req_header": 1, "rep_header": 1, "user_cert": 1, "ca_cert": 1, "note": 1}
"""Types that begin with words of another meaning."""
OPTIONS: Final = {
    "dst": ("-n",), "dstdomain": ("-n",), "dstdom_regex": ("-n",), "note": ("-m",), "max_user_ip": ("-s",),
    "ssl::server_name": ("--client-requested", "--server-provided", "--consensus"),
    "ssl::server_name_regex": ("--client-requested", "--server-provided", "--consensus"),
    "annotate_transaction": ("-m",), "annotate_client": ("-m",),
}  # fmt: skip
FREE: Final = frozenset({"time", "external", "random"})
"""Types of which words may begin with a dash."""
RENAMED: Final = {"myip": "localip", "myport": "localport", "clientside_mark": "client_connection_mark"}
MAX_LISTED: Final = 2_000
"""Patterns of one line, or of its list file."""
MAX_VALUES: Final = 50_000
"""Other values that touch the names of interest."""


@record
class Value:
    """One value of an element; ``ignore_case`` is about patterns."""

    text: str
    source: Source
    ignore_case: bool = False


@record
class Entry:
    """The values of one line of an element."""

    values: tuple[Value, ...]
    first: tuple[str, ...]
    """Words of another meaning in front: the header's name."""
    options: frozenset[str]
    source: Source
    lists: tuple[tuple[Artifact, bool], ...] = ()
    """Files of addresses, not taken apart, and whether their words may have quotes."""
    unread: tuple[str, ...] = ()
    """Words behind a file, which Squid does not read."""
    trouble: str = ""
    """What of it could not be read."""


@record
class Acl:
    """One element; lines of the same name add up."""

    name: str
    type: str
    entries: tuple[Entry, ...]

    @property
    def values(self) -> Iterator[Value]:
        """All values."""
        return (value for entry in self.entries for value in entry.values)

    @property
    def options(self) -> frozenset[str]:
        """The options of all lines."""
        return frozenset().union(*(entry.options for entry in self.entries))

    @property
    def source(self) -> Source:
        """The first line."""
        return self.entries[0].source

    @property
    def trouble(self) -> str:
        """What of it could not be read."""
        return next((entry.trouble for entry in self.entries if entry.trouble), "")


def acls(lines: Iterable[Line], following: Following, interest: Interest) -> tuple[dict[str, Acl], tuple[Gap, ...]]:
    """The elements by name in lower case, domains of other names left out, and what Squid would not start with."""
    reader = _Reader(following, interest)
    for text in BUILT_IN:
        reader.line(Line("acl", text, Source(PROGRAM, f"acl {text}")))
    for line in lines:
        if line.name == "acl":
            try:
                reader.line(line)
            except Malformed as error:
                reader.gaps.append(Gap(PROGRAM, str(error), line.source))
    return {key: Acl(name, kind, tuple(lines)) for key, (name, kind, lines) in reader.found.items()}, tuple(reader.gaps)


class _Reader:
    def __init__(self, following: Following, interest: Interest) -> None:
        self.found: dict[str, tuple[str, str, list[Entry]]] = {}
        """Name in lower case to name, type and lines."""
        self.gaps: list[Gap] = []
        self._following = following
        self._interest = interest
        names = interest.names
        above = {name.split(".", depth)[-1] for name in names for depth in range(name.count(".") + 1)}
        self._about = names | {name for name in above if "." in name}
        tops = "|".join(re.escape(name) for name in sorted(above - self._about))
        short = rf"^[ \t]*(?:\.?(?:{tops})|none|[0-9.]+|[0-9a-f:]*:[0-9a-f:]*)(?![^\s])"
        self._short = re.compile(short.encode(), re.IGNORECASE | re.MULTILINE)
        """Top-level domains above the names, and what may stand where there is no name: addresses, ``none``."""

    def line(self, line: Line) -> None:
        """Take one line; raises Malformed."""
        heads = line.text.split(maxsplit=2)
        if len(heads) < 2:
            raise Malformed("an acl without name or type")
        name, kind = heads[0], RENAMED.get(heads[1], heads[1])
        if name == "manager" and kind == "proto":
            return  # from before it was built in
        name, before, entries = self.found.setdefault(name.lower(), (name, kind, []))
        if before != kind:
            raise Malformed(f"acl {name} has two types: {before} and {kind}")
        text = heads[2] if len(heads) > 2 else ""
        if not (entries and kind in DOMAINS and _NAME.fullmatch(text) and not self._interest.touches(_bare(text))):
            entries.append(self._entry(kind, text, line))

    def _entry(self, kind: str, text: str, line: Line) -> Entry:
        found = [*words(text, quotes=line.quotes, pattern=kind in PATTERNS and not line.quotes)]
        options = tuple(_options(kind, found))
        count = FIRST_WORDS.get(kind, 0)
        first = tuple(word.text for word in found[:count])
        values: list[Value] = []
        lists: list[tuple[Artifact, bool]] = []
        ignore_case = "-i" in options
        trouble = ""
        unread: tuple[str, ...] = ()
        for at, word in enumerate(found[count:], count + 1):
            if word.file:
                absolute = word.file.startswith("/")
                artifact = self._following.file(word.file, line.source) if absolute else None
                if artifact is None:
                    trouble = f"{word.file} is not there" if absolute else f"where {word.file} is is not known"
                elif kind in ADDRESSES:
                    lists.append((artifact, line.quotes))
                else:
                    values += self._listed(kind, artifact, line, ignore_case=ignore_case)
                if not line.quotes:
                    unread = tuple(one.text for one in found[at:])
                    break
            elif word.text in ("-i", "+i") and kind in PATTERNS:
                ignore_case = word.text == "-i"
            else:
                values.append(Value(word.text, line.source, ignore_case))
        most = MAX_LISTED if kind in PATTERNS else MAX_VALUES
        if len(values) > most:
            values, trouble = values[:most], f"more than {most} values that may matter"
        return Entry(tuple(values), first, frozenset(options), line.source, tuple(lists), unread, trouble)

    def _listed(self, kind: str, artifact: Artifact, named_by: Line, *, ignore_case: bool) -> Iterator[Value]:
        """The values of a list file; of domains those that touch the names of interest."""
        if kind in DOMAINS and self._interest.names:
            found = sorted({*lines_about(artifact.data, self._about), *_matched(self._short, artifact.data)})
        else:
            found = list(lines_about(artifact.data, ()))
        for number, line in found:
            for text in values_of(line, quotes=named_by.quotes):
                if text in ("-i", "+i") and kind in PATTERNS:
                    ignore_case = text == "-i"
                elif kind not in NAME_PATTERNS or self._may_fit(text):
                    yield Value(text, Source(artifact.name, line.strip(), number), ignore_case)

    def _may_fit(self, text: str) -> bool:
        """Whether a pattern is not plainly about the end of other names."""
        found = _PLAIN_END.fullmatch(text)
        return found is None or self._interest.ends_in(found[1].replace("\\.", ".").lower().lstrip("."))


def _options(kind: str, found: list[Word]) -> Iterator[str]:
    """Take the options in front away, letters that stand together apart; raises Malformed."""
    able = OPTIONS.get(kind, ()) + (("-i", "+i") if kind in PATTERNS else ())
    while found and found[0].text[0] in "-+":
        option = found[0].text
        letters = [f"{option[0]}{letter}" for letter in option[1:]]
        if option == "--":
            found.pop(0)
            return
        if option.partition("=")[0] in able:
            yield option
        elif letters and all(letter in able for letter in letters):
            yield from letters
        elif option[0] == "-" and kind not in FREE:
            raise Malformed(f"acl of type {kind} has no option {option}")
        else:
            return
        found.pop(0)


def _bare(text: str) -> str:
    return text.lower().strip(".")


def _matched(pattern: re.Pattern[bytes], data: bytes) -> Iterator[tuple[int, str]]:
    """The lines that begin with a match, with their numbers from 1."""
    number, counted = 1, 0
    for found in pattern.finditer(data):
        number += data.count(b"\n", counted, found.start())
        counted = found.start()
        end = data.find(b"\n", found.end())
        yield number, data[found.start() : end if end >= 0 else None].decode(errors="replace")
