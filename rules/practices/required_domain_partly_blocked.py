"""A required domain can be reached only in part.

Why it matters: a content delivery network answers from any address, and from another one tomorrow. If only
some addresses, ports or families pass, the service fails for some users some of the time, which is the
hardest kind of failure to find.
Instead: do not decide about web traffic by address; let a proxy decide by domain name.
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
    return hits_for(case, Reach.PARTIAL, _summary)


def _summary(worst: Judgement) -> str:
    return f"{worst.requirement.pattern} is partly blocked {from_zone(worst.zone)}: {worst.because}"


RULE = Rule("required-domain-partly-blocked", "A required domain is partly blocked", Severity.HIGH, find)
