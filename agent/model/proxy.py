"""A proxy as courses: the stages that a request goes through, and in each of them the first rule that fits.

Programs have orders of their own; their readers put the rules into stages, so that one walk serves all
(``agent/model/course.py``). Tests are three-valued: what configuration cannot tell is ``Open`` and followed both ways.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.intervals import Intervals
    from agent.model.naming import Mistake
    from agent.model.network import Listener
    from agent.model.regular import Pattern
    from agent.model.resolver import NameSet
    from agent.model.source import Gap, Source


class Form(StrEnum):
    """How a client's request comes."""

    CONNECT = "connect"
    """A tunnel is asked for by name and port, then TLS with the same name inside."""
    GET = "get"
    """A cleartext page is asked for by its whole URL."""
    TLS = "tls"
    """A TLS connection to the server's address, diverted here by NAT, TPROXY or a name that leads here."""
    HTTP = "http"
    """A cleartext request to the server's address, diverted here."""
    SOCKS = "socks"
    """A connection is asked for by name and port (SOCKS 4a, 5), then TLS or HTTP inside."""


# ---- tests ----


@record
class Names:
    """The name that the request is about is in one of these sets."""

    sets: tuple[NameSet | Pattern, ...]
    hello: bool = False
    """It is the name in the TLS hello that is compared, not what the client told the proxy."""


@record
class Clients:
    """The client's address is one of these; a family that is left out has none."""

    addresses: tuple[tuple[int, Intervals], ...]


@record
class Targets:
    """The server's address is one of these; a family that is left out has none."""

    addresses: tuple[tuple[int, Intervals], ...]


@record
class Ports:
    """The server's port is one of these."""

    ports: Intervals


@record
class Methods:
    """The method of the page request is one of these, upper case; whether a CONNECT fits is known to the reader."""

    words: frozenset[str]


class Texts(Protocol):
    """The texts that a pattern stands for."""

    def __contains__(self, text: str) -> bool:
        """Whether it fits a text."""
        ...

    def begun(self, text: str) -> bool | None:
        """Whether it fits all texts that begin so, or none; None where it fits some."""
        ...


@record
class Urls:
    """The URL fits: ``before``, the name, ``after``; with ``path`` any path follows. ``PORT`` stands for the port."""

    patterns: tuple[Texts, ...]
    before: str = ""
    """``http://``: what comes before the name."""
    after: str = ""
    """``:443``, ``/``: what follows it."""
    path: bool = False


@record
class Agents:
    """What the client says of itself (User-Agent) fits."""

    patterns: tuple[Texts, ...]


@record
class Open:
    """What configuration does not tell, followed both ways; equal keys turn out alike within one request."""

    key: str
    because: str


@record
class AllOf:
    """Every test holds; without any it always does."""

    tests: tuple[Test, ...] = ()


@record
class AnyOf:
    """One test holds; without any it never does."""

    tests: tuple[Test, ...] = ()


@record
class Not:
    """The test does not hold."""

    test: Test


Test = Names | Clients | Targets | Ports | Methods | Urls | Agents | Open | AllOf | AnyOf | Not
ALWAYS: Final = AllOf()
NEVER: Final = AnyOf()
PORT: Final = "{port}"
"""In what follows a name in a URL: the server's port."""
SAME_ADDRESS: Final = "same-address"
"""Key of an ``Open``: the proxy finds the address that the client found for the name."""


def leaves(test: Test) -> Iterator[Test]:
    """All tests that a test is made of, without those that join them."""
    if isinstance(test, AllOf | AnyOf):
        for one in test.tests:
            yield from leaves(one)
    elif isinstance(test, Not):
        yield from leaves(test.test)
    else:
        yield test


# ---- rules ----


class Act(StrEnum):
    """What a rule does with a request."""

    NEXT = "next"
    """This stage lets it pass: the next one is asked."""
    ALLOW = "allow"
    """It passes; no further stage is asked."""
    DENY = "deny"
    """It is answered with a refusal or a page of the proxy's own."""
    DROP = "drop"
    """The connection is closed, or nothing is answered."""
    OPEN = "open"
    """What happens is not known."""


@record
class Ruling:
    """An act, and what comes with it."""

    act: Act
    because: str = ""
    """Why it is open."""
    skips: int = 0
    """How many of the next stages are not asked."""
    decrypts: bool = False
    """TLS ends here: the proxy reads what is inside, and shows a certificate of its own."""
    upstream: str = ""
    """Where it is sent instead of to the named server: ``host:port``."""


PASS: Final = Ruling(Act.NEXT)
ALLOWED: Final = Ruling(Act.ALLOW)
DENIED: Final = Ruling(Act.DENY)
DROPPED: Final = Ruling(Act.DROP)


@record
class ProxyRule:
    """One line: when, what, where it stands."""

    test: Test
    ruling: Ruling
    source: Source


@record
class ProxyStage:
    """Rules of which the first that fits decides; ``title`` is the program's own word (``http_access``)."""

    title: str
    rules: tuple[ProxyRule, ...]
    otherwise: Ruling = PASS
    source: Source | None = None
    """What decides where no rule fits: the end of the list, or a default."""

    @property
    def rulings(self) -> tuple[Ruling, ...]:
        """All that it may say."""
        return (*(rule.ruling for rule in self.rules), self.otherwise)


@record
class Door:
    """A listening socket, and what becomes of each form of request; a form that is left out is not served."""

    listener: Listener
    courses: tuple[tuple[Form, tuple[ProxyStage, ...]], ...]
    source: Source | None = None
    transparent: bool = False
    """The socket takes packets for addresses that are not this host's (IP_TRANSPARENT), as TPROXY wants it."""
    looks_up: frozenset[Form] = frozenset({Form.CONNECT, Form.GET, Form.SOCKS})
    """Forms of which the proxy looks the server's name up; of others it takes the address that the client chose."""
    hands_on: bool = False
    """It hands to fixed servers what it does not look into: they may be proxies, or sites of the company's own."""

    def course(self, form: Form) -> tuple[ProxyStage, ...] | None:
        """Give the stages for a form of request; None where it is not served."""
        return dict(self.courses).get(form)

    def sends_to(self, *forms: Form) -> frozenset[str]:
        """Give the places that requests of some forms may be sent to; empty is the server that the client names."""
        found: set[str] = set()
        for course in (course for form in forms if (course := self.course(form)) is not None):
            every = [(at, one) for at, stage in enumerate(course, 1) for one in stage.rulings]
            found |= {one.upstream for _, one in every if one.act is Act.ALLOW}
            if not course or any(one.act is Act.NEXT and at + one.skips >= len(course) for at, one in every):
                found.add("")  # nothing is left that could stop it or send it elsewhere
        return frozenset(found)


@record
class Proxy:
    """A proxy that runs here, or that is switched on."""

    kind: str
    doors: tuple[Door, ...]
    source: Source | None = None
    """Its configuration."""
    nameservers: tuple[str, ...] = ()
    """Servers that it asks for addresses, ``address#port``; without any those of this host's own programs."""
    families: frozenset[int] = frozenset({4, 6})
    """Address families in which it connects to servers."""
    mistakes: tuple[Mistake, ...] = ()
    gaps: tuple[Gap, ...] = field(default=())
    addresses: tuple[str, ...] = ()
    """Those of the network namespace that it runs in; empty where that is this host's."""
