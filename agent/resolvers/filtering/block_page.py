"""What a resolver that blocks answers with: never the service's own addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.intervals import address_text
from agent.model.public import PUBLIC
from agent.model.resolver import Fate, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

THIS_HOST: Final = {4: (4, 0), 6: (6, 0)}
"""The address that means this host (RFC 1122 §3.2.1.3, RFC 4291 §2.5.2), where its own is not known."""


def answered_with(addresses: Iterable[tuple[int, int]]) -> Outcome:
    """An answer with addresses; public ones are those of a page that says why, not the service's."""
    found = frozenset(addresses)
    public = sorted(one for one in found if one[1] in PUBLIC[one[0]])
    if public:
        family, value = public[0]
        return Outcome(Fate.ALIAS, target=address_text(value, family))
    return Outcome(Fate.ADDRESSES, found)
