"""What an address of a rule says about clients, servers and listening sockets (``lib/addressmatch.c``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.intervals import Intervals, as_address
from agent.model.proxy import ALWAYS, NEVER, AllOf, AnyOf, Clients, Names, Open, Ports, Targets
from agent.model.resolver import NameSet, Scope
from agent.proxies.dante.words import ALL_PORTS, HIGHEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.model.names import Interest
    from agent.model.network import Listener
    from agent.model.proxy import Test
    from agent.proxies.dante.words import Address

    Interfaces = Mapping[str, tuple[tuple[int, int], ...]]
    """Names of interfaces, with family and value of their addresses."""

_WIDTH: Final = {4: 32, 6: 128}
_CANNOT_RESOLVE: Final = re.compile(r"[^a-z0-9_.-]")
EPHEMERAL: Final = Intervals.span(1024, HIGHEST)
"""Ports that clients connect from (RFC 6056 §3.2)."""
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what others listen on


def of_client(address: Address, interfaces: Interfaces) -> Test:
    """Whether a client's address fits ``from:``."""
    if address.ports is None or EPHEMERAL - address.ports:
        port: Test = Open(f"client's port {address.ports or address.service}", "it depends on the client's own port")
    else:
        port = ALWAYS
    if address.is_any:
        return port
    if address.block:
        family, block = address.block
        return _both(Clients(((family, Intervals.span(*block)),)), port)
    if address.text in interfaces:
        return _both(Clients(_single(interfaces[address.text])), port)
    return _both(Open(f"client is {address.text}", f"the client's address is compared with {address.text}"), port)


def of_server(
    address: Address, interest: Interest, interfaces: Interfaces, *, resolves: bool, by_address: bool = False
) -> Test:
    """Whether the server that a client asks for by name fits ``to:``.

    ``by_address``: a rule has found its address, and from then on the name is forgotten.
    """
    port = _port(address)
    if address.is_any:
        return port
    if address.is_name and address.text not in interfaces:
        return _both(_named(address.text, interest, resolves=resolves, by_address=by_address), port)
    if not resolves:
        return NEVER
    if address.block:
        family, block = address.block
        return _both(Targets(((family, Intervals.span(*block)),)), port)
    return _both(Targets(_single(interfaces[address.text])), port)


def _named(text: str, interest: Interest, *, resolves: bool, by_address: bool) -> Test:
    if text.startswith(".") and by_address:
        return Open(f"reverse name in {text}", f"the name that the server's address has (PTR) is compared with {text}")
    if text.startswith("."):
        # no dot is looked for in front: ``.chat.com`` is the end of ``livechat.com`` as well
        ending = text[1:]
        if not ending:
            return ALWAYS
        sets = (NameSet(Scope.SUBTREE, ending), NameSet(Scope.WITHIN, ending))
        return Names(sets) if interest.ends_in(ending) else NEVER
    exact: Test = Names((NameSet(Scope.EXACT, text),)) if interest.touches(text) else NEVER
    if not resolves or _CANNOT_RESOLVE.search(text):
        return exact
    same = f"Dante compares addresses: it fits every name that shares one with {text}"
    return AnyOf((exact, Open(f"same address as {text}", same)))


def of_door(address: Address, listener: Listener, interfaces: Interfaces) -> Test:
    """Whether the address that a client connected to fits ``to:`` of a client rule."""
    if address.ports is not None and listener.port not in address.ports:
        return NEVER
    unsure = Open(
        f"door is {address.text}", f"it depends on which address of this host a client connects to: {address.text}"
    )
    if address.ports is None:
        return Open(f"door's port {address.service}", f"service {address.service} is not known here")
    if address.is_any:
        return ALWAYS
    own = as_address(listener.address)
    if own is None or listener.address in EVERYWHERE:
        return unsure
    if address.block:
        family, (low, high) = address.block
        return ALWAYS if own[0] == family and low <= own[1] <= high else NEVER
    if address.text in interfaces:
        return ALWAYS if own in interfaces[address.text] else NEVER
    return unsure


def _port(address: Address) -> Test:
    if address.ports is None:
        return Open(f"port {address.service}", f"service {address.service} is not known here")
    return ALWAYS if address.ports == ALL_PORTS else Ports(address.ports)


def _single(addresses: tuple[tuple[int, int], ...]) -> tuple[tuple[int, Intervals], ...]:
    return tuple(
        (family, Intervals.of((value, value) for one, value in addresses if one == family)) for family in _WIDTH
    )


def _both(*tests: Test) -> Test:
    """All of them, without what always holds."""
    left = tuple(one for one in tests if one != ALWAYS)
    if NEVER in left:
        return NEVER
    return left[0] if len(left) == 1 else AllOf(left)
