"""Which ICMP errors say that somebody forbids it, and not that nobody is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.outcome import Clue, Fate
from agent.observe.outcomes import Judged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.observation import IcmpError
    from agent.model.outcome import OutcomeStage
    from agent.observe.flow import ErrorSeen

PROHIBITED: Final = frozenset({(3, 9), (3, 10), (3, 13), (1, 1), (1, 5), (1, 6)})
"""Administratively prohibited (RFC 1812 §5.2.7.1), failed policy and reject route (RFC 4443 §3.1)."""
PORT: Final = frozenset({(3, 3), (1, 4)})
"""Port unreachable: what packet filters say where nothing else is chosen; hosts answer to TCP with RST."""


def prohibited(errors: Iterable[ErrorSeen], stage: OutcomeStage) -> Judged | None:
    """The judgement from the first error that forbids."""
    for one in errors:
        message = one.message
        kind = (message.icmp_type, message.icmp_code)
        if message.event != "unreachable":
            continue
        facts: tuple[tuple[str, str | int], ...] = (
            ("icmp_type", kind[0]), ("icmp_code", kind[1]), ("icmp_src_ip", one.source),
        )  # fmt: skip
        if kind in PROHIBITED:
            clue = Clue(one.at, f"{one.source} says: administratively prohibited", facts)
            return Judged(Fate.ICMP_PROHIBITED, 0.95, stage, (clue,))
        if kind in PORT and _on_the_way(one.source, message):
            clue = Clue(one.at, f"{one.source}, on the way, says: port unreachable", facts)
            return Judged(Fate.ICMP_PROHIBITED, 0.9, stage, (clue,))
    return None


def _on_the_way(source: str, message: IcmpError) -> bool:
    """Whether it was not the destination that said so; a host without a listener says it itself."""
    return message.orig_dest_ip is not None and source != message.orig_dest_ip
