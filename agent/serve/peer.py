"""Who is at the other end of a connection."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from agent.model.record import record

if TYPE_CHECKING:
    from agent.serve.certificates import Certificate

NETWORK: Final = 64
"""Bits of an IPv6 address that one client has to itself."""
CLIENTS: Final = 1024
"""Addresses that are read once."""


@record(kw_only=True)
class Peer:
    """Known from the connection alone, before anything is asked."""

    client: str = ""
    """Its address, of IPv6 its network; empty on a unix socket."""
    local: bool = False
    """On a unix socket: who may open that may read."""
    loopback: bool = False
    """Whether this host itself is at the other end."""
    certificate: Certificate | None = None
    """That it has shown, and that OpenSSL has found good."""


LOCAL: Final = Peer(local=True, loopback=True)


@lru_cache(CLIENTS)
def peer_of(address: str) -> Peer:
    """The peer of an address as sockets give it."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and not found.is_loopback:
        return Peer(client=str(ipaddress.ip_network((found, NETWORK), strict=False)))
    return Peer(client=str(found), loopback=found.is_loopback)
