"""What became of a QUIC connection: seen by its long headers alone, as all else is encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.outcome import Clue, Fate, OutcomeStage
from agent.model.record import record
from agent.observe.outcomes import Judged, count, inconclusive
from agent.observe.outcomes_icmp import prohibited

if TYPE_CHECKING:
    from agent.observe.flow import ErrorSeen

INITIALS: Final = 3
"""Datagrams in vain from where on chance is no good explanation."""
WAIT: Final = 5.0
"""Seconds until a client has sent as many (RFC 9002 §6.2: it doubles from one second)."""
FALLBACK: Final = 20.0
"""Seconds in which a client falls back to TCP."""
QUIC: Final = OutcomeStage.QUIC


@record
class Attempt:
    """One connection, as far as it came."""

    begin: float
    sent: float
    """When the client sent its last Initial."""
    initials: int
    answered: float | None
    errors: tuple[ErrorSeen, ...]
    over_tcp: float | None
    """When the same client reached the same name over TCP."""


def judge(attempt: Attempt, now: float, *, over: bool, lossy: bool, left: bool | None) -> Judged | None:
    """What became of it, None as long as that is open; ``left``: whether its Initials left the gateway, if known."""
    if attempt.answered is not None:
        return Judged(Fate.OK, 1.0, QUIC, (Clue(attempt.answered, "the server answered"),))
    forbidden = prohibited(attempt.errors, QUIC)
    waited = now - attempt.begin >= WAIT or over
    if attempt.over_tcp is not None and (waited or forbidden is not None):
        return _fallen_back(attempt, forbidden, lossy=lossy, left=left)
    if not over and now - attempt.begin < FALLBACK:
        return None
    if forbidden is not None:
        return forbidden
    clue = Clue(attempt.sent, f"{count(attempt.initials, 'Initial')} without an answer")
    return inconclusive(QUIC, attempt.sent, "the client did not reach the name over TCP either", clue)


def _fallen_back(attempt: Attempt, forbidden: Judged | None, *, lossy: bool, left: bool | None) -> Judged:
    tcp = Clue(attempt.over_tcp or attempt.sent, "the same client reached the same name over TCP")
    if forbidden is not None:
        return Judged(Fate.QUIC_BLOCKED_TCP_OK, 0.95, QUIC, (*forbidden.clues, tcp))
    clue = Clue(
        attempt.sent, f"{count(attempt.initials, 'Initial')} without an answer", (("initials", attempt.initials),)
    )
    if lossy:
        return inconclusive(QUIC, attempt.sent, "packets went by unseen meanwhile", clue)
    if attempt.errors:
        return inconclusive(QUIC, attempt.sent, "the server itself does not speak QUIC", clue)
    if attempt.initials < INITIALS:
        return inconclusive(QUIC, attempt.sent, "the client did not wait for an answer", clue)
    if left is False:
        what = "none of them left this gateway, while other packets did"
        return Judged(Fate.QUIC_BLOCKED_TCP_OK, 0.95, QUIC, (clue, Clue(attempt.sent, what), tcp))
    return Judged(Fate.QUIC_BLOCKED_TCP_OK, 0.7, QUIC, (clue, tcp))
