"""What judgements are made of: a fate with its confidence and clues, and the words for clues."""

from __future__ import annotations

from typing import Final

from agent.model.outcome import Clue, Fate, OutcomeStage
from agent.model.record import record

FULL: Final = frozenset({64, 128, 255})
"""TTLs that senders begin with: a packet that has one of them still has passed no router."""
APART: Final = 2
"""Hops by which packets of one sender may differ: routes change."""


@record
class Judged:
    """A fate, not yet tied to a name and its ends."""

    fate: Fate
    confidence: float
    stage: OutcomeStage
    clues: tuple[Clue, ...]


@record
class Context:
    """What is known besides the packets of one connection or question."""

    over: bool = False
    """No more packets will come."""
    lossy: bool = False
    """Packets went by unseen while it lasted."""
    out_seen: bool = False
    """The way out of the gateway is watched as well."""
    crossed: bool = False
    """What was sent first was seen on its way out."""
    hello_crossed: bool = False
    lately: bool = False
    """The same name passed not long ago."""
    other: str | None = None
    """Another name that passed at the same address meanwhile."""
    repeats: int = 0
    """How often the name failed in this way before."""
    silent: int = 0
    """SYNs to the address since it answered for the last time."""
    answers: int = 0
    """Other addresses that answered a SYN meanwhile."""
    usual_ttl: int | None = None
    """With which the address answered before."""
    connected: bool = False
    """This host itself began a connection while the client waited for the proxy here."""
    large_passes: bool = False
    """Hellos of more than one full segment pass on this road."""


def inconclusive(stage: OutcomeStage, at: float, why: str, *clues: Clue) -> Judged:
    """Nothing tells what it was; ``why`` says what is missing."""
    return Judged(Fate.INCONCLUSIVE, 1.0, stage, (*clues, Clue(at, why)))


def count(number: int, what: str) -> str:
    """``1 SYN``, ``3 SYNs``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
