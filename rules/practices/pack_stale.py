"""A pack of required domains has not been compared with its vendor for half a year.

Why it matters: vendors add domains. What a pack does not name is not audited, and is missed when it is blocked.
Instead: update gateproof; for a pack of your own, read the vendor's page (`references`) again and set `checked`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD: Final = timedelta(days=180)
"""As in the alert PackStale, and on the page."""


def find(case: Case) -> Iterator[Hit]:
    """Each pack that is that old."""
    for one in case.packs:
        if case.now.date() - date.fromisoformat(one.checked) <= OLD:
            continue
        yield Hit(
            f"what {one.title} requires was last compared with its vendor on {one.checked}",
            ("pack", one.name),
            remedy=f"Compare the pack {one.name} with its vendor's page and set `checked`, or update gateproof.",
            pack=one.name,
            evidence=(("checked", one.checked),),
        )


RULE = Rule("pack-stale", "A pack may be out of date", Severity.LOW, find)
