"""A routing daemon here takes routes from other networks without comparing their origin with RPKI.

Why it matters: whoever announces somebody else's network gets its traffic. Then another network answers for the
addresses of a service; the vendor names this among the reasons why addresses cannot be trusted.
Instead: run a validator (Routinator, rpki-client, FORT), connect the daemon to it, and reject routes that are invalid
(RFC 6811).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

REMEDIES = {
    "frr": "Configure `rpki` with a cache, and a route map with `match rpki invalid` under deny at the entrance of each"
    " neighbour (bgpd needs the module rpki: -M rpki).",
    "bird": "Configure a `protocol rpki` and a roa table, and reject where roa_check(...) = ROA_INVALID in the import"
    " filter.",
}


def find(case: Case) -> Iterator[Hit]:
    """One hit for each daemon."""
    for daemon, remedy in REMEDIES.items():
        open_ones = [one for one in case.gateway.bgp if one.daemon == daemon and not one.validates]
        if open_ones:
            which = ", ".join(one.neighbor for one in open_ones[:3])
            more = f" and {len(open_ones) - 3} more" if len(open_ones) > 3 else ""
            yield Hit(
                f"{daemon} takes routes of {which}{more} without origin validation: {open_ones[0].source}",
                ("host", daemon),
                tuple(dict.fromkeys(one.source for one in open_ones))[:20],
                remedy,
                tool=daemon,
            )


RULE = Rule("bgp-without-origin-validation", "Routes are taken without origin validation", Severity.MEDIUM, find)
