"""Listening sockets: ``http_port`` and ``https_port``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.intervals import as_address
from agent.model.network import Listener
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.source import Source
    from agent.proxies.squid.lines import Line

_ADDRESS: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]:|([^:\[\]]+):|)(\d{1,5})")
EVERYWHERE: Final = "::"
"""Squid listens in both families where it is told no address."""
DIVERTED: Final = frozenset({"intercept", "tproxy", "transparent"})
ACCELERATED: Final = frozenset({"accel", "vhost"})
SCHEMES: Final = {"http": 80, "https": 443}


@record
class Port:
    """One of them, with its options by name."""

    written: str
    """The address as the administrator wrote it: its name unless there is one."""
    listener: Listener
    tls: bool
    options: tuple[tuple[str, str], ...]
    source: Source

    def has(self, *options: str) -> bool:
        """Whether one of these options is given."""
        return any(name in options for name, _ in self.options)

    @property
    def name(self) -> str:
        """What ``myportname`` compares."""
        return dict(self.options).get("name", self.written)

    @property
    def trouble(self) -> str:
        """What of it is not followed."""
        host = self.written.rpartition(":")[0].strip("[]")
        known = not host or as_address(host) or host.lower() == "localhost"
        return "" if known else f"the address of {host} is not known"

    @property
    def diverted(self) -> bool:
        """Whether clients' connections to servers are led here."""
        return self.has(*DIVERTED)

    @property
    def accelerated(self) -> bool:
        """Whether it is a web server to its clients."""
        return self.has(*ACCELERATED)

    @property
    def site(self) -> str | None:
        """The one name that all requests are taken to be for; empty is none; None where the ``Host`` header tells."""
        options = [name for name, _ in self.options if name in ACCELERATED or name == "no-vhost"]
        nameless = options[-1:] == ["no-vhost"]
        return dict(self.options).get("defaultsite", "").lower() if nameless else None

    @property
    def number(self) -> int | None:
        """The port of the server that requests are taken to be for; None where the ``Host`` header tells."""
        written = next((value for name, value in self.options if name == "vport"), None)
        if written == "":
            return self.listener.port
        number = int(written) if written and written.isdecimal() else 0
        return number or (None if self.site is None else SCHEMES["https" if self.tls else "http"])


def _place(host: str) -> str:
    """Where it listens; a name may have any address of this host."""
    if as_address(host):
        return host
    return "127.0.0.1" if host.lower() == "localhost" else EVERYWHERE


def is_port(text: str) -> bool:
    """Whether a word is a place to listen at."""
    found = _ADDRESS.fullmatch(text)
    return found is not None and 0 < int(found[3]) < 1 << 16


def ports(lines: Iterable[Line]) -> Iterator[Port]:
    """The sockets in order; what has no port number is left out."""
    for line in lines:
        if line.name in ("http_port", "https_port"):
            first, *rest = line.text.split() or ("",)
            found = _ADDRESS.fullmatch(first)
            if found and is_port(first):
                listener = Listener("tcp", _place(found[1] or found[2] or EVERYWHERE), int(found[3]))
                options = tuple((name, value) for name, _, value in (word.partition("=") for word in rest))
                yield Port(first, listener, line.name == "https_port", options, line.source)
