"""Proxy auto-configuration: the proxy that clients take for a name, as a script says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.resolver import NameSet
    from agent.model.source import Source


@record
class PacRule:
    """What the script says for some names and a port."""

    names: NameSet
    port: int
    ways: tuple[str, ...]
    """Each answer that may come: ``PROXY 10.0.0.1:3128; DIRECT``."""
    depends_on: str = ""
    """What decides between them."""


@record
class Pac:
    """A script that this host serves, or that it tells its clients to take."""

    source: Source
    rules: tuple[PacRule, ...]
    """The first that fits; they come from asking about representative names."""
    trouble: str = ""
    """Why it gives no answers."""

    def rule(self, name: str, port: int) -> PacRule | None:
        """Give what it says for a name."""
        return next((one for one in self.rules if one.port == port and name in one.names), None)
