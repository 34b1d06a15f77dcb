"""Something that decides about packets or names could not be read.

Why it matters: what depends on it is unknown, and a rule that blocks a required domain may stand in it unseen.
Instead: give gateproof the right that it lacks (its unit file has what all of it takes), or mend the program that does
not answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator


def find(case: Case) -> Iterator[Hit]:
    """Each answer of the host that never came."""
    for gap in case.unread:
        if gap.source is None:
            continue
        name = gap.source.file
        yield Hit(
            f"{name} could not be read ({gap.reason}): what depends on it is unknown",
            ("agent", name),
            sources=(gap.source,),
            remedy=(
                f"Let gateproof read {name}: {gap.remedy}."
                if gap.remedy
                else f"Find out why {name} cannot be read; gateproof needs no more than to read it."
            ),
            evidence=(("reason", gap.reason),),
        )


RULE = Rule("source-unreadable", "Something that decides could not be read", Severity.MEDIUM, find)
