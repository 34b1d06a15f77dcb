"""Whether an answer is what we expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.intervals import address_text
from agent.model.resolver import Fate
from tests.daemons.internet import UPSTREAMS, Answer, addresses_of

if TYPE_CHECKING:
    from agent.model.resolver import Outcome

CODES = {
    Fate.NODATA: "NOERROR",
    Fate.NXDOMAIN: "NXDOMAIN",
    Fate.REFUSED: "REFUSED",
    Fate.DROPPED: "TIMEOUT",
    Fate.FAILED: "SERVFAIL",
}


def agree(ours: Outcome, family: int, theirs: Answer) -> bool:
    """Whether a program's answer is the one that we foretold."""
    if ours.fate in CODES:
        return theirs == Answer(CODES[ours.fate])
    match ours.fate:
        case Fate.PASSED_ON | Fate.ALIAS:
            upstreams = [one.partition("#")[0] for one in ours.upstreams] or UPSTREAMS
            return theirs in [Answer("NOERROR", frozenset({addresses_of(one)[family]})) for one in upstreams]
        case Fate.ADDRESSES:
            return theirs == Answer("NOERROR", frozenset(address_text(value, family) for _, value in ours.addresses))
        case Fate.UNKNOWN:  # dnsmasq: an alias whose target is asked for by others, only while it is in the cache
            return "from the cache only" in ours.because and theirs.rcode == "NOERROR"
        case _:
            return False
