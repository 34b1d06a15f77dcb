"""Clients ask for a name right after a required one, and no pack covers it.

Why it matters: the service may need it: an address of its content delivery network, a payment page, a font. A gateway
that lets only required names pass stops it, and a part of the service fails.
Instead: look whether the service needs it; add it to a pack of your own if so.

Only with `observe.companions = true`. A name counts from three clients on, if most of the times that it is asked for
follow a required name within ten seconds; that is a hint, no proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.names import covers
from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule, Sight
from agent.practice.seen import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = 3
MAX_HITS = 50
"""Names; those of most clients first."""


def find(case: Case) -> Iterator[Hit]:
    """One hit for each name and pack."""
    wanted = {(one.pack, one.pattern) for one in case.requirements}
    found = [
        one
        for one in (case.observed.companions if case.observed is not None else ())
        if (one.pack, one.pattern) in wanted and one.clients >= CLIENTS and one.count > one.elsewhere
        if not any(covers(need.pattern, one.name, apex=need.apex) for need in case.requirements)
    ]
    told: set[tuple[str, str]] = set()
    for one in sorted(found, key=lambda one: (-one.clients, -one.count, one.name, one.pattern)):
        if (one.pack, one.name) in told or len(told) >= MAX_HITS:
            continue
        told.add((one.pack, one.name))
        yield Hit(
            f"{one.name} is asked for right after {one.pattern}, by {one.clients} clients or more; no pack covers it",
            ("domain", one.name),
            remedy=f"Look whether the service needs {one.name}; if so, add it to a pack of your own.",
            pack=one.pack,
            seen=(
                Sight(
                    one.last,
                    (
                        ("beside", one.pattern),
                        ("count", one.count),
                        ("elsewhere", one.elsewhere),
                        ("clients_at_least", one.clients),
                        ("first", moment(one.first)),
                        ("last", moment(one.last)),
                    ),
                ),
            ),
            source="observed",
        )


RULE = Rule("companion-domain-unlisted", "A name beside a required one is in no pack", Severity.INFO, find)
