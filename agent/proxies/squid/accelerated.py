"""A socket with ``accel``: Squid is a web server to its clients (``prepareAcceleratedURL`` in ``client_side.cc``).

What they ask for is ``scheme://host:port/``: the name is that of the ``Host`` header unless ``no-vhost`` leaves it to
``defaultsite``, the port that of ``vport`` where there is one. It goes to a ``cache_peer``, to the server itself only
with ``allow-direct``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.model.proxy import (
    ALLOWED,
    ALWAYS,
    DENIED,
    NEVER,
    Act,
    AllOf,
    AnyOf,
    Names,
    Not,
    Open,
    Ports,
    Ruling,
    Targets,
)
from agent.proxies.squid.courses import Draft, Go, linked
from agent.proxies.squid.logic import all_of, any_of, none_of
from agent.proxies.squid.moments import Moment, Phase
from agent.proxies.squid.ports import SCHEMES
from agent.proxies.squid.stages import access, forwarded

if TYPE_CHECKING:
    from agent.model.proxy import ProxyStage, Test
    from agent.proxies.squid.configuration import Configuration
    from agent.proxies.squid.ports import Port


def accelerated(config: Configuration, port: Port) -> tuple[ProxyStage, ...]:
    """The stages of a request that comes as if to a web server."""
    decrypted = (Draft("https", "https_port", (), Go("access", decrypts=True), port.source),) if port.tls else ()
    if port.diverted or port.site == "":
        return linked((*decrypted, _nameless(port)))
    page = Moment(Phase.INNER if port.tls else Phase.PAGE, port)
    stages = linked((*decrypted, *access(config, page), *forwarded(config, page, "page")))
    return tuple(_settled(stage, port) for stage in stages)


def _nameless(port: Port) -> Draft:
    """Without a name the URL is not one (400), or it is that of Squid itself."""
    if port.diverted:
        return Draft("access", "vhost", (), Ruling(Act.OPEN, "a diverted port with vhost is not followed"), port.source)
    own = Ruling(Act.OPEN, "the request is taken to be for Squid's own address")
    return Draft("access", "no-vhost", (), own if port.has("vport") else DENIED, port.source)


def _settled(stage: ProxyStage, port: Port) -> ProxyStage:
    """The same stage where the port tells what requests are for."""

    def ruling(one: Ruling) -> Ruling:
        if one != ALLOWED or port.number is None:
            return one
        if port.site:
            return replace(one, upstream=f"{port.site}:{port.number}")
        usual = port.number == SCHEMES["https" if port.tls else "http"]
        return one if usual else Ruling(Act.OPEN, f"the server is asked at port {port.number}")

    rules = tuple(replace(one, test=_certain(one.test, port), ruling=ruling(one.ruling)) for one in stage.rules)
    return replace(stage, rules=rules, otherwise=ruling(stage.otherwise))


def _certain(test: Test, port: Port) -> Test:
    """The same test where the port tells the server's name or number."""
    match test:
        case AllOf():
            return all_of(_certain(one, port) for one in test.tests)
        case AnyOf():
            return any_of(_certain(one, port) for one in test.tests)
        case Not():
            return none_of(_certain(test.test, port))
        case Names() if port.site:
            return ALWAYS if any(port.site in names for names in test.sets) else NEVER
        case Ports() if port.number is not None:
            return ALWAYS if port.number in test.ports else NEVER
        case Targets() if port.site:
            return Open(f"address of {port.site} in {test.addresses}", f"the addresses of {port.site}")
    return test
