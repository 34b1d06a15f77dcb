"""A suppression that lapses soon, or has lapsed and still stands in its file.

Why it matters: what it held back opens again at that moment, perhaps on a night when nobody expects it; and an old
entry that does nothing looks as if it did.
Instead: mend what it is about and take it out, or decide again, with a new expiry and a reason that still holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator


def find(case: Case) -> Iterator[Hit]:
    """Each of them."""
    for one in case.suppressions:
        state = one.state(case.now)
        if state == "active":
            continue
        when = f"{one.expires:%Y-%m-%d %H:%M} UTC"
        said = f"lapsed {when}: what it held back is open again" if state == "expired" else f"lapses {when}"
        yield Hit(
            f"the suppression of {one.title} {said}",
            ("suppression", one.title),
            remedy=f"Mend what it is about, or decide again: ask {one.owner}, who gave the reason: {one.reason}",
            key=one.title,
            evidence=(("owner", one.owner), ("expires", when)),
        )


RULE = Rule("suppression-expiring", "A suppression lapses", Severity.LOW, find)
