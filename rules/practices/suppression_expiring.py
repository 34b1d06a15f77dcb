"""A suppression that lapses soon, or has lapsed and still stands in its file.

Why it matters: what it held back opens again at that moment, perhaps on a night when nobody expects it; and an old
entry that does nothing looks as if it did.
Instead: mend what it is about and take it out, or decide again, with a new expiry and a reason that still holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.suppression import Entry

SHOWN: Final = 100
"""Characters of a scope in a summary, so that what becomes of it still follows."""


def find(case: Case) -> Iterator[Hit]:
    """Each of them; where several have the same scope, the one that lapses last."""
    last: dict[str, Entry] = {}
    for one in case.suppressions:
        if one.title not in last or one.expires > last[one.title].expires:
            last[one.title] = one
    for title, one in sorted(last.items()):
        state = one.state(case.now, case.warn)
        if state == "active":
            continue
        when = f"{one.expires:%Y-%m-%d %H:%M} UTC"
        said = f"lapsed {when}: what it alone held back is open again" if state == "expired" else f"lapses {when}"
        short = title if len(title) <= SHOWN else f"{title[: SHOWN - 1].rstrip()}…"
        yield Hit(
            f"the suppression of {short} {said}",
            ("suppression", title),
            remedy=(
                "Mend what it is about and take the entry out, or decide again with a later expiry:"
                f" ask {one.owner}, who gave the reason: {one.reason}"
            ),
            key=title,
            evidence=(("owner", one.owner), ("reason", one.reason), ("expires", when)),
        )


RULE = Rule("suppression-expiring", "A suppression lapses", Severity.LOW, find)
