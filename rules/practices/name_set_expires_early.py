"""The addresses in a set that a resolver fills from names go before the resolver asks for them again.

Why it matters: dnsmasq and Unbound put addresses into a set when an answer comes from their servers, not when they
answer from their cache. Where the set forgets an address while the cache still gives it, the name resolves and the
connection is dropped, for some minutes, again and again.
Instead: let elements live longer than answers (no timeout, or one above the longest time that the cache keeps them), or
limit the cache with `max-cache-ttl` below the timeout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity
from agent.practice import Case, Hit, Rule
from agent.practice.namesets import in_use

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400
"""The longest time that names of content delivery networks are kept in practice."""


def find(case: Case) -> Iterator[Hit]:
    """One hit for each set."""
    seen: set[tuple[str, str]] = set()
    for one in in_use(case):
        timeout, kept = one.named.timeout, one.filled.kept
        place = (one.filled.table, one.filled.name)
        if not timeout or place in seen or timeout > (DAY if kept is None else kept):
            continue
        seen.add(place)
        until = "as long as it says" if kept is None else f"up to {kept} s"
        sources = tuple(source for source in (one.filled.source, one.named.source) if source)
        yield Hit(
            f"elements of set {one.filled.name} go after {timeout} s, and the resolver keeps an answer {until}:"
            f" {one.filled.source}",
            ("set", f"{place[0]} {place[1]}"),
            sources,
            f"Take the timeout from the set, or set max-cache-ttl below {timeout} s.",
            tool="unbound" if one.filled.source.text.startswith("name-v") else "dnsmasq",
            key=one.filled.source.text,
        )


RULE = Rule("name-set-expires-early", "A set filled from names forgets too early", Severity.MEDIUM, find)
