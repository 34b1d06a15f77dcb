"""The moments at which Squid asks its access lists, and what is known in each.

Which element sees what at each moment was asked of Squid 5.7 itself.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from agent.proxies.squid.ports import Port


class Phase(StrEnum):
    """Which of the requests that a client's one request becomes."""

    CONNECT = "connect"
    """The client asks for a tunnel by name."""
    PAGE = "page"
    """The client asks for a cleartext page."""
    BARE = "bare"
    """A diverted TLS connection before there is a request: no method, no name, not even the port that it was for."""
    ADDRESSED = "addressed"
    """Squid makes a CONNECT of a diverted connection: all it knows is the server's address."""
    NAMED = "named"
    """Squid makes a second CONNECT where it splices at step 2: of a diverted connection with the name in the hello, of
    another with the name that the client asked for."""
    INNER = "inner"
    """A request inside TLS that Squid has decrypted."""


@record
class Moment:
    """One moment. ``step`` counts the steps of ``ssl_bump`` from 1."""

    phase: Phase
    port: Port
    step: int = 1
    hello: bool = False
    """Whether Squid has read the name in the TLS hello."""
    certificate: bool = False
    """Whether Squid has the server's certificate."""
    reply: bool = False
    """Whether the server has answered."""
    fast: bool = False
    """Whether Squid will not wait for name servers."""

    def later(self, step: int, *, certificate: bool = False) -> Moment:
        """The same request at another step, with the hello read."""
        return replace(self, step=step, hello=True, certificate=certificate)

    @property
    def quick(self) -> Moment:
        """The same without waiting for name servers."""
        return replace(self, fast=True)

    @property
    def tunnel(self) -> bool:
        """Whether the method is CONNECT."""
        return self.phase in (Phase.CONNECT, Phase.ADDRESSED, Phase.NAMED)

    @property
    def nameless(self) -> bool:
        """Whether the server's address stands where its name would."""
        return self.phase in (Phase.BARE, Phase.ADDRESSED)

    @property
    def diverted(self) -> bool:
        """Whether the client asked the server, not the proxy."""
        return self.port.diverted
