"""``bind`` lines: addresses, ports, and what is done before the first rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.network import Listener
from agent.model.proxy import PASS, Act, Open, ProxyRule, ProxyStage, Ruling
from agent.model.record import record
from agent.proxies.haproxy.keywords import BINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.source import Source
    from agent.proxies.haproxy.sections import Line

MAX_PORTS: Final = 1000
"""Ports of one line; a range of all of them is no door of its own for each."""
READS: Final = Ruling(Act.NEXT, decrypts=True)


@record
class Bind:
    """One socket."""

    listener: Listener
    source: Source
    ssl: bool = False
    wrapped: bool = False
    """Connections begin with a line that only other proxies send (``accept-proxy``)."""
    transparent: bool = False
    """It takes packets for addresses that are not this host's."""
    doubts: tuple[str, ...] = ()
    """Why a connection may fail."""

    def begin(self) -> ProxyStage:
        """Give the stage in which the connection begins, and TLS ends where that is done."""
        rules = tuple(
            ProxyRule(Open(f"{self.source} {doubt}", doubt), Ruling(Act.DROP), self.source) for doubt in self.doubts
        )
        return ProxyStage("bind", rules, READS if self.ssl else PASS, self.source)


def binds(line: Line) -> Iterator[Bind]:
    """The sockets of a line; raises Malformed for what is not understood."""
    if line.unknown:
        raise Malformed(f"{line.unknown[0]} is not known")
    words = line.words[2:]
    doubts = []
    if "strict-sni" in words:
        doubts.append("strict-sni: whether a certificate has the name")
    if "verify" in words and words[words.index("verify") + 1 : words.index("verify") + 2] == ("required",):
        doubts.append("verify required: whether the client has a certificate")
    doubts += [because for word in words if (because := BINDS.open.get(word))]
    wrapped = "accept-proxy" in words or "accept-netscaler-cip" in words
    for place in line[1].split(","):
        for listener in _places(place):
            yield Bind(listener, line.source, "ssl" in words, wrapped, "transparent" in words, tuple(doubts))


def _places(place: str) -> Iterator[Listener]:
    """``address:port`` or ``address:first-last``; a file; nothing for sockets that are handed in."""
    kind, at, bare = place.rpartition("@")
    if bare.startswith("/") or kind in ("abns", "unix"):
        yield Listener("unix", bare, 0)
        return
    if at and kind not in ("ipv4", "ipv6", "tcp4", "tcp6", "tcp", "ip", "quic4", "quic6"):
        return
    if kind.startswith("quic"):
        raise Malformed(f"{place}: QUIC is not followed")
    host, colon, ports = bare.rpartition(":")
    low, dash, high = ports.partition("-")
    if not colon or not low.isdecimal() or (dash and not high.isdecimal()):
        raise Malformed(f"{place} is no address with a port")
    first, last = int(low), int(high or low)
    if last - first >= MAX_PORTS:
        raise Malformed(f"{place}: more than {MAX_PORTS} ports")
    host = host.strip("[]")
    anywhere = "::" if kind.endswith("6") else "0.0.0.0"  # noqa: S104 - what an empty address means
    for port in range(first, last + 1):
        yield Listener("tcp", anywhere if host in ("", "*") else host, port)
