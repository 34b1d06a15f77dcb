"""``listen`` lines of servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import as_address
from agent.model.network import Listener
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.source import Source
    from agent.proxies.nginx.syntax import Directive

ANYWHERE: Final = "0.0.0.0"  # noqa: S104 - what no address means
MAX_PORTS: Final = 1000


@record
class Listen:
    """One socket of one server."""

    listener: Listener
    source: Source
    ssl: bool = False
    wrapped: bool = False
    """Connections begin with a line that only other proxies send (``proxy_protocol``)."""
    default: bool = False


def listens(server: Directive, port: int | None) -> Iterator[Listen]:
    """The sockets of a server; ``port`` is the one that is meant where none is written. Raises Malformed."""
    lines = list(server.all("listen"))
    ssl = any(one[0] == "on" for one in server.all("ssl"))
    if not lines and port is not None:
        yield Listen(Listener("tcp", ANYWHERE, port), server.source, ssl)
    for line in lines:
        words = line.words[1:]
        if "udp" in words or "quic" in words:
            continue
        for listener in _listeners(line[0], port):
            yield Listen(
                listener,
                line.source,
                ssl or "ssl" in words,
                "proxy_protocol" in words,
                "default_server" in words or "default" in words,
            )


def _listeners(place: str, port: int | None) -> Iterator[Listener]:
    """``address:port``, ``address``, ``port``, ``[address]:port``, and ranges of ports."""
    if place.startswith("unix:"):
        yield Listener("unix", place.removeprefix("unix:"), 0)
        return
    host, colon, ports = place.rpartition(":")
    if place.startswith("[") and place.endswith("]"):
        host, ports = place, ""
    elif not colon:
        host, ports = (ANYWHERE, place) if place.replace("-", "").isdecimal() else (place, "")
    low, dash, high = ports.partition("-")
    if not ports and port is not None:
        low, high = str(port), ""
    if not low.isdecimal() or (dash and not high.isdecimal()):
        raise Malformed(f"{place} is no address with a port")
    if int(high or low) - int(low) >= MAX_PORTS:
        raise Malformed(f"{place}: more than {MAX_PORTS} ports")
    host = {"*": ANYWHERE, "": ANYWHERE, "localhost": "127.0.0.1"}.get(host, host.strip("[]"))
    if as_address(host) is None:
        raise Malformed(f"{place} is no address with a port")
    for number in range(int(low), int(high or low) + 1):
        yield Listener("tcp", host, number)
