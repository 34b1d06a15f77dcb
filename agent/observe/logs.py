"""Logs of every kind as observations: which kind wrote a line shows from the line itself.

One file may hold the words of several programs, as /var/log/syslog does. What no kind understands is counted, and so
is what says nothing of traffic.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from agent.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from agent.logline import Clock
    from agent.model.observation import Observation

MODULES: Final = (
    "agent.proxies.squid.log",
    "agent.proxies.haproxy.log",
    "agent.proxies.nginx.log",
    "agent.firewalls.log",
    "agent.resolvers.dnsmasq.log",
    "agent.resolvers.unbound.log",
    "agent.resolvers.bind.log",
    "agent.observe.logs_eve",
    "agent.observe.logs_zeek",
)
"""One for each kind; the first that recognises a line has it."""
LONGEST: Final = 64 << 10
"""Bytes of a line; a longer one is not understood."""
_DIRECTIVES: Final = {
    "squid": re.compile(r"^[ \t]*logformat[ \t]", re.MULTILINE),
    "haproxy": re.compile(r"^[ \t]*log-format[ \t]", re.MULTILINE),
    "nginx": re.compile(r"(?:^|[;{}\s])log_format\s"),
}
_CODES: Final = {
    "squid": re.compile(r"%(?:ts|tl|>a|>p)\b"),
    "haproxy": re.compile(r"%(?:ci|\[src\])"),
    "nginx": re.compile(r"\$\{?[a-z]"),
}
"""What a layout looks like that stands alone in its line."""


class Reader(Protocol):
    """Takes a log line by line."""

    malformed: int

    def take(self, line: bytes) -> list[Observation]:
        """What a line tells."""
        ...


def formats() -> dict[str, Any]:
    """The modules of all kinds by the names of these: each has ``recognises`` and ``Reader``."""
    found = map(import_module, MODULES)
    return {one.KIND: one for one in found}


def kind_of(sample: bytes) -> str | None:
    """Which kind of log begins like this; None where no whole line is of any."""
    known = formats()
    lines = sample.split(b"\n")
    for line in lines[:-1] or lines:
        for kind, one in known.items():
            if len(line) <= LONGEST and one.recognises(line.rstrip(b"\r")):
                return kind
    return None


def kind_of_layout(text: str) -> str:
    """Whose layout it is, or whose configuration; raises Malformed."""
    found = [kind for kind, pattern in _DIRECTIVES.items() if pattern.search(text)]
    if not found and "\n" not in text.strip():
        found = [kind for kind, pattern in _CODES.items() if pattern.search(text)]
    if len(found) != 1:
        raise Malformed("no layout of a log of Squid (logformat), HAProxy (log-format) or nginx (log_format)")
    return found[0]


class Log:
    """A log, or several in one file, as it is read.

    ``layouts`` are those that were configured, or configurations that have them; raises Malformed where one cannot be
    read. ``booted`` tells when the machine started whose kernel counts from there; ``kind`` is asked first where it is
    known.
    """

    def __init__(
        self,
        clock: Clock,
        layouts: Iterable[str] = (),
        booted: Callable[[], float] | None = None,
        kind: str | None = None,
    ) -> None:
        self.lines = 0
        self.malformed = 0
        """Lines that no kind understands."""
        self.silent = 0
        """Lines that say nothing of traffic."""
        self._clock = clock
        self._booted = booted
        self._formats = formats()
        self._layouts: dict[str, list[str]] = {}
        for text in layouts:
            self._layouts.setdefault(kind_of_layout(text), []).append(text)
        self._readers: dict[str, Reader] = {}
        self._known = list(dict.fromkeys((*self._layouts, *((kind,) if kind is not None else ()))))
        """The kinds that are asked whether or not they recognise a line: those with layouts, and those before."""
        for one in self._known:
            self._reader(one)

    def take(self, line: bytes) -> list[Observation]:
        """What a line tells, whichever kind it is of."""
        line = line.rstrip(b"\r\n")
        self.lines += 1
        if len(line) > LONGEST:
            self.malformed += 1
            return []
        understood = not line
        for kind in self._asked(line):
            reader = self._reader(kind)
            before = reader.malformed
            found = reader.take(line)
            if found:
                if self._known[:1] != [kind]:
                    self._known = [kind, *(one for one in self._known if one != kind)]
                return found
            understood = understood or reader.malformed == before
        self.silent += understood
        self.malformed += not understood
        return []

    def read(self, lines: Iterable[bytes]) -> Iterator[Observation]:
        """What lines tell, in their order."""
        for line in lines:
            yield from self.take(line)

    def _asked(self, line: bytes) -> Iterator[str]:
        """The kinds that may understand a line: first the one whose line came before."""
        known = self._known
        yield from known
        for kind, one in self._formats.items():
            if kind not in known and one.recognises(line):
                yield kind

    def _reader(self, kind: str) -> Reader:
        reader = self._readers.get(kind)
        if reader is None:
            make = self._formats[kind].Reader
            if kind in self._layouts:
                reader = make(self._clock, self._layouts[kind])
            elif kind == "kernel":
                reader = make(self._clock, self._booted)
            else:
                reader = make(self._clock)
            self._readers[kind] = reader
        return reader
