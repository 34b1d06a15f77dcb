"""Who is at the other end of a connection."""

from __future__ import annotations

from agent.model.record import record


@record(kw_only=True)
class Peer:
    """Known from the connection alone, before anything is asked."""

    address: str = ""
    """Empty on a unix socket."""
    local: bool = False
    """On a unix socket: who may open that may read."""
    loopback: bool = False
    """Whether this host itself is at the other end."""
    tls: bool = False
