"""A required domain cannot be reached at all.

Why it matters: what depends on the service is down for every client of the zone.
Instead: accept the required ports to every address, or let a proxy decide by domain name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Reach, Severity, from_zone
from agent.practice import Case, Hit, Rule
from agent.practice.reachability import hits_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.judgement import Judgement


def find(case: Case) -> Iterator[Hit]:
    """One hit for each domain and zone."""
    return hits_for(case, Reach.BLOCKED, _summary)


def _summary(worst: Judgement) -> str:
    return f"{worst.requirement.pattern} cannot be reached {from_zone(worst.zone)}: {worst.because}"


RULE = Rule("required-domain-blocked", "A required domain is blocked", Severity.CRITICAL, find)
