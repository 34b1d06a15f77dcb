"""What packs and configuration say about watching, in plain values: what reads them is not wanted where one watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.config import Settings
    from agent.model.requirement import Requirement
    from agent.packs import Pack


@record
class Asked:
    """What is watched, and what is kept of it."""

    requirements: tuple[Requirement, ...]
    interfaces: tuple[str, ...]
    companions: bool
    clients: str
    zones: Mapping[str, str]
    """Names of zones by interface, where the configuration gives some."""

    @classmethod
    def of(cls, settings: Settings, packs: Iterable[Pack]) -> Asked:
        """Make it from settings and packs."""
        observe = settings.observe
        needs = tuple(one for pack in packs for one in pack.requirements())
        return cls(needs, observe.interfaces, observe.companions, observe.clients, settings.zone_names())
