"""What the wire has shown of a required domain, weighed: whether it is blocked, or fails now and then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from agent.model.evidence import DAY, SLOT, by_slot, is_recent
from agent.model.outcome import OutcomeStage
from agent.model.record import record
from agent.model.vocabulary import Stage
from agent.practice.rule import Sight

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.model.evidence import Fared, Observed

LIKELY: Final = 3
"""Likely outcomes that are enough; of sure ones, one is."""
SHARE: Final = 0.2
"""Of what had an end; below it, connections fail now and then."""
CHANCE: Final = 0.01
"""That so many pass by chance after the last that was blocked; where it is less likely than this, it is over."""
CLUES, CLUE = 8, 200
"""Of one sort of outcomes, and characters of each."""
STAGES: Final = {
    OutcomeStage.DNS: Stage.DNS,
    OutcomeStage.TCP: Stage.FIREWALL,
    OutcomeStage.TLS: Stage.TLS,
    OutcomeStage.QUIC: Stage.QUIC,
    OutcomeStage.HTTP: Stage.HTTP,
}


@record
class Blocked:
    """Queries or connections of one sort that are stopped again and again."""

    blocked: int
    """Likely ones, within a day."""
    passed: int
    fared: tuple[Fared, ...]
    """Their ends, the most frequent first."""

    @property
    def total(self) -> int:
        """All that had an end that can be told."""
        return self.blocked + self.passed

    @property
    def fates(self) -> str:
        """In words: ``tcp-unanswered, tls-alert``."""
        return ", ".join(dict.fromkeys(one.fate.value for one in self.fared))


def blocked(outcomes: Iterable[Fared], since: float = 0.0) -> Blocked | None:
    """Weigh outcomes of one sort, of the day up to the last one and not before ``since``; None: not blocked.

    What is inconclusive does not count, neither for nor against.
    """
    some = [one for one in outcomes if one.blocked or one.passed]
    if not some:
        return None
    last = max(one.last for one in some)
    stops, passes = (
        {
            number: slot
            for number, slot in by_slot(one for one in some if one.blocked is wanted).items()
            if is_recent(number, last) and number * SLOT >= since
        }
        for wanted in (True, False)
    )
    likely, sure = sum(one.likely for one in stops.values()), sum(one.sure for one in stops.values())
    if likely < LIKELY and not sure:
        return None
    passed = sum(one.count for one in passes.values())
    at = max(number for number, slot in stops.items() if slot.likely)
    after = sum(slot.count for number, slot in passes.items() if number > at)
    rate = likely / (likely + passed - after + 1)
    if likely / (likely + passed) < SHARE or (1 - rate) ** after < CHANCE:
        return None
    ends = sorted((one for one in some if one.blocked), key=lambda one: (-one.count, one.fate, one.stage))
    return Blocked(likely, passed, tuple(ends))


def passing(outcomes: Iterable[Fared], since: float = 0.0) -> int:
    """How many likely ones passed within a day up to the last outcome, none stopped since; 0 where fewer than three."""
    some = [one for one in outcomes if one.blocked or one.passed]
    if not some:
        return 0
    last = max(one.last for one in some)
    passes = by_slot(one for one in some if one.passed)
    stops = by_slot(one for one in some if one.blocked)
    found = sum(
        slot.likely
        for number, slot in passes.items()
        if is_recent(number, last) and number * SLOT >= since and number > max(stops, default=-1)
    )
    return found if found >= LIKELY else 0


def sights(fared: Sequence[Fared]) -> tuple[Sight, ...]:
    """What a report says of outcomes."""
    return tuple(
        Sight(
            one.last,
            (
                ("stage", one.stage.value),
                ("class", one.fate.value),
                ("port", one.port),
                ("family", one.family),
                ("road", one.road),
                ("count", one.count),
                ("clients_at_least", one.clients),
                ("confidence", round(one.confidence, 2)),
                ("first", moment(one.first)),
                ("last", moment(one.last)),
                ("evidence", [_plain(clue.what) for clue in one.example[:CLUES]]),
            ),
        )
        for one in fared
    )


def _plain(text: str) -> str:
    """Words that steer no terminal, of a length that can be read."""
    return "".join(one if one.isprintable() else "?" for one in text[:CLUE])


def moment(at: float) -> str:
    """RFC 3339, in UTC, to the second."""
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")


def span(observed: Observed) -> str:
    """For how long it was watched: ``7 days``, ``3 hours``."""
    seconds = observed.until - observed.since
    for unit, length in (("day", DAY), ("hour", 3600), ("minute", 60)):
        number = round(seconds / length)
        if number >= 2 or (number and unit == "minute"):
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return "a minute"
