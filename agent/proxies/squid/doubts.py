"""What is not followed, and which requests it may concern: these are open."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.proxy import ALWAYS, NEVER
from agent.model.record import record
from agent.model.source import Gap
from agent.proxies.squid.access import Rule, allowed, rules
from agent.proxies.squid.directives import KNOWN, OPEN
from agent.proxies.squid.lines import PROGRAM
from agent.proxies.squid.logic import any_of
from agent.proxies.squid.moments import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.model.proxy import Test
    from agent.model.source import Source
    from agent.proxies.squid.configuration import Configuration
    from agent.proxies.squid.elements import Elements
    from agent.proxies.squid.lines import Line
    from agent.proxies.squid.moments import Moment

ENOUGH: Final = {"body": 1 << 20, "header": 16 << 10}
"""Bytes of a page, and of its headers, that nobody minds a limit beyond."""
MANY: Final = 100
"""Connections that one client may have and does not need."""
UNITS: Final = {"b": 1, "byte": 1, "bytes": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
SPARED: Final = frozenset({
    "accept-language", "age", "cache-control", "date", "etag", "expires", "forwarded", "from", "if-modified-since",
    "link", "pragma", "proxy-authenticate", "proxy-authorization", "proxy-connection", "referer", "server",
    "user-agent", "via", "warning", "x-cache", "x-cache-lookup", "x-forwarded-for", "x-squid-error",
})  # fmt: skip
"""Headers without which a page comes all the same."""
TRUSTED: Final = frozenset({"cafile", "capath", "cert", "key", "sslcert", "sslkey", "flags", "sslflags", "domain"})
"""Options of TLS to servers that do not keep good servers out."""
_SIZE: Final = re.compile(r"(\d{1,18})\s*([a-z]*)", re.IGNORECASE)


class Reach(Enum):
    """Which requests something can concern."""

    ALL = auto()
    PAGES = auto()
    """Those that Squid reads: not what goes through a tunnel."""
    DECRYPTED = auto()


@record
class Doubt:
    """Something that is not followed. ``who`` tells the requests that it is about; None: each."""

    because: str
    source: Source
    reach: Reach = Reach.ALL
    who: tuple[tuple[Rule, ...], ...] | None = None
    """Access lists, one of which has to allow a request."""

    def test(self, elements: Elements, moment: Moment) -> Test:
        """Whether a request may be concerned."""
        if (self.reach is Reach.PAGES and moment.tunnel) or (
            self.reach is Reach.DECRYPTED and moment.phase is not Phase.INNER
        ):
            return NEVER
        return ALWAYS if self.who is None else any_of(allowed(one, elements, moment) for one in self.who)

    @property
    def gap(self) -> Gap:
        """The same for the list of what was not understood."""
        return Gap(PROGRAM, self.because, self.source)


def doubts(config: Configuration) -> tuple[Doubt, ...]:
    """All of them, in the order of the lines."""
    found = [Doubt(gap.reason, gap.source or config.source) for gap in config.refused]
    for line in config.lines:
        if line.name not in KNOWN:
            found.append(Doubt(f"the directive {line.name} is not known", line.source))
        elif line.name in OPEN:
            found += _OF[line.name](config, line)
    return tuple(dict.fromkeys(found))


def _certain(config: Configuration, line: Line) -> Iterator[Doubt]:
    del config
    yield Doubt(OPEN[line.name], line.source)


def _rewriter(config: Configuration, line: Line) -> Iterator[Doubt]:
    lists = config.all("url_rewrite_access")
    if line.first != "none":
        yield Doubt(OPEN[line.name], line.source, who=(rules(lists),) if lists else None)


def _service(config: Configuration, line: Line) -> Iterator[Doubt]:
    """A service is asked where its kind is switched on and the list of the service allows it."""
    kind = line.name.partition("_")[0]
    if not config.switch(f"{kind}_enable", default=False):
        return
    lists: dict[str, list[Line]] = {}
    for one in config.all("adaptation_access", "icap_access"):
        lists.setdefault(one.first, []).append(one)
    who = tuple(rules(some, skip=1) for some in lists.values())
    yield Doubt(OPEN[line.name], line.source, who=who or None)


def _elsewhere(config: Configuration, line: Line) -> Iterator[Doubt]:
    """Said where the program or service stands."""
    del config, line
    yield from ()


def _headers(config: Configuration, line: Line) -> Iterator[Doubt]:
    name = line.first
    if name.lower() in SPARED or name.lower().startswith("x-"):
        return
    found = rules((one for one in config.all(line.name) if one.first == name), skip=1)
    denied = tuple(Rule("deny" if one.allows else "allow", one.elements, one.source) for one in found)
    yield Doubt(f"{OPEN[line.name]}: {name}", config.all(line.name)[0].source, Reach.PAGES, (denied,))


def _size(config: Configuration, line: Line) -> Iterator[Doubt]:
    del config
    found = _SIZE.match(line.text)
    default = "kb" if "header" in line.name else "b"
    unit = UNITS.get(found[2].lower() if found else "", UNITS[default])
    limit = int(found[1]) * unit if found else 0
    if 0 < limit < ENOUGH["header" if "header" in line.name else "body"]:
        yield Doubt(OPEN[line.name], line.source, Reach.PAGES)


def _connections(config: Configuration, line: Line) -> Iterator[Doubt]:
    if 0 <= config.number(line.name, default=-1) < MANY:
        yield Doubt(OPEN[line.name], line.source)


def _hosts(config: Configuration, line: Line) -> Iterator[Doubt]:
    if line.first not in ("none", "/etc/hosts"):
        yield from _certain(config, line)


def _decrypted(config: Configuration, line: Line) -> Iterator[Doubt]:
    del config
    yield Doubt(OPEN[line.name], line.source, Reach.DECRYPTED)


def _tls(config: Configuration, line: Line) -> Iterator[Doubt]:
    try:
        options = dict(text.partition("=")[::2] for text in line.texts())
    except Malformed:
        options = {"": ""}
    if not options.keys() <= TRUSTED | {"default-ca"} or options.get("default-ca") == "off":
        yield from _decrypted(config, line)


def _mark(config: Configuration, line: Line) -> Iterator[Doubt]:
    del config
    words = tuple(line.text.split())
    yield Doubt(OPEN[line.name], line.source, who=((Rule("allow", words[1:], line.source),),))


_OF: Final[Mapping[str, Callable[[Configuration, Line], Iterator[Doubt]]]] = {
    "adaptation_access": _elsewhere, "icap_access": _elsewhere, "url_rewrite_access": _elsewhere,
    "client_ip_max_connections": _connections, "ecap_service": _service, "icap_service": _service,
    "hosts_file": _hosts, "neighbor_type_domain": _certain, "url_rewrite_program": _rewriter,
    "reply_body_max_size": _size, "reply_header_max_size": _size, "request_body_max_size": _size,
    "request_header_max_size": _size, "reply_header_access": _headers, "request_header_access": _headers,
    "sslcrtvalidator_program": _decrypted, "sslproxy_cipher": _decrypted, "sslproxy_options": _decrypted,
    "sslproxy_version": _decrypted, "tls_outgoing_options": _tls, "tcp_outgoing_mark": _mark,
}  # fmt: skip
