"""Sections that pass requests on to each other, over loopback or sockets in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.intervals import as_address
from agent.proxies.haproxy.rules import NO_DELAY
from agent.proxies.variables.values import Unknown

if TYPE_CHECKING:
    from agent.proxies.haproxy.binds import Bind
    from agent.proxies.haproxy.flow import Flow
    from agent.proxies.haproxy.sections import Section
    from agent.proxies.haproxy.servers import Server

Own = tuple[tuple["Bind", "Section"], ...]
"""The sockets of this program, each with its section."""
LOOPBACK = ("127.", "::1", "localhost")
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what listeners on every address say


def next_section(place: str, own: Own) -> tuple[Bind, Section] | None:
    """The socket of this program that an upstream is: ``127.0.0.1:8443``, ``/run/x``, a name of ``abns@``."""
    host, _, port = place.rpartition(":")
    for bind, section in own:
        there = bind.listener
        if there.proto == "unix":
            if there.address == place:
                return bind, section
        elif str(there.port) == port:
            bare = host.strip("[]")
            same = bare == there.address or (bare == "localhost" and there.address.startswith(LOOPBACK))
            if same or (there.address in ANYWHERE and bare.startswith(LOOPBACK)):
                return bind, section
    return None


def onward(flow: Flow, server: Server, bind: Bind) -> Flow | None:
    """What is known of a request in the next section; None where that is not followed."""
    told = any(word.startswith("send-proxy") for word in server.words)
    if told is not bind.wrapped or "ssl" in server.words or (flow.decrypted and bind.ssl):
        return None
    other = flow.copy()
    other.variables = {}
    other.http, other.late, other.inner = False, NO_DELAY, flow.decrypted
    if not told:
        because = "it comes from the proxy itself"
        other.change("src", because)
        other.change("dst", because)
        if as_address(bind.listener.address) is not None:
            other.dst = Unknown("dst", because)
    return other
