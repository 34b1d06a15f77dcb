"""What becomes of requests at each listening socket (``client_side.cc``, ``client_side_request.cc``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.proxy import Door, Form
from agent.proxies.squid.accelerated import accelerated
from agent.proxies.squid.bump import bumped, diverted
from agent.proxies.squid.courses import linked
from agent.proxies.squid.moments import Moment, Phase
from agent.proxies.squid.stages import access, forwarded, verified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.proxy import ProxyStage
    from agent.proxies.squid.configuration import Configuration
    from agent.proxies.squid.ports import Port


def door(config: Configuration, port: Port) -> Door:
    """One socket with the forms that it serves."""
    looks_up = {Form.CONNECT, Form.GET}
    if port.accelerated or not config.switch("client_dst_passthru", default=True):
        looks_up |= {Form.HTTP, Form.TLS}
    courses = tuple(_courses(config, port))
    return Door(port.listener, courses, port.source, port.has("tproxy"), frozenset(looks_up), port.accelerated)


def _courses(config: Configuration, port: Port) -> Iterator[tuple[Form, tuple[ProxyStage, ...]]]:
    if port.has("require-proxy-header"):
        return  # clients do not speak the PROXY protocol
    if port.accelerated:
        yield Form.TLS if port.tls else Form.HTTP, accelerated(config, port)
    elif port.diverted and port.tls:
        yield Form.TLS, linked(tuple(diverted(config, port)))
    elif port.diverted:
        page = Moment(Phase.PAGE, port)
        yield Form.HTTP, linked((*verified(config, page), *access(config, page), *forwarded(config, page, "page")))
    else:
        page, tunnel = Moment(Phase.PAGE, port), Moment(Phase.CONNECT, port)
        yield Form.CONNECT, linked(tuple(bumped(config, tunnel)))
        yield Form.GET, linked((*access(config, page), *forwarded(config, page, "page")))
