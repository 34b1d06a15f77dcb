"""What a service requires of a gateway: the part of a pack that judging needs."""

from __future__ import annotations

from agent.model.record import record


@record
class PortNeed:
    """A port that must (``required``) or should (preferred) be open; ``text`` is ``tcp/443``."""

    proto: str
    port: int
    required: bool = True

    @property
    def text(self) -> str:
        """Protocol and port as reports print them."""
        return f"{self.proto}/{self.port}"


@record
class Requirement:
    """One required domain of one pack. ``pattern`` is ``*.livechat.com`` or a plain name, lower case."""

    pack: str
    pattern: str
    ports: tuple[PortNeed, ...]
    apex: bool = False
    """Whether ``livechat.com`` itself belongs to ``*.livechat.com``."""
    webhook_agents: tuple[str, ...] = ()
    aliases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Names (or ``*.`` and one) with the names that they are known to lead to, in the order of the chain."""
