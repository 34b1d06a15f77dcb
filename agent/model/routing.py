"""Routing daemons that tell this host where networks are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.source import Source


@record
class BgpSession:
    """A BGP neighbour in another network (eBGP)."""

    daemon: str
    """``frr`` or ``bird``."""
    neighbor: str
    validates: bool
    """Whether routes from it are compared with RPKI before they are taken."""
    source: Source
    """The line that names the neighbour, or the one that says which of its routes are taken."""
