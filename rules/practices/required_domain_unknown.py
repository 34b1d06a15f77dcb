"""Nobody can tell from the configuration whether a required domain can be reached.

Why it matters: what could not be read or known may block it; this is not a clean bill.
Instead: make the named source readable, or have a look at the named rule.
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
    return hits_for(case, Reach.UNKNOWN, _summary)


def _summary(worst: Judgement) -> str:
    return f"{worst.requirement.pattern} cannot be judged {from_zone(worst.zone)}: {worst.because}"


RULE = Rule("required-domain-unknown", "A required domain could not be judged", Severity.MEDIUM, find)
