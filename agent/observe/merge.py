"""Evidence of several processes or times as one, and evidence without what is too old."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeVar

from agent.model.evidence import (
    DAY,
    Address,
    Companion,
    Day,
    Domain,
    Fared,
    Observed,
    Webhook,
    added,
    by_slot,
    is_recent,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WEEK: Final = 7 * DAY
"""How long evidence is kept after it was seen last, in seconds."""
ADDRESSES: Final = 4096
"""Of one domain; those that were seen last stay."""
OUTCOMES: Final = 512
"""Likewise, sorts of outcomes."""
COMPANIONS: Final = 1024
WEBHOOKS: Final = 256
ALL_ADDRESSES, ALL_OUTCOMES, FEWEST = 16_384, 2_048, 32
"""Of all domains together: each has its share, and so many at least."""
PORTS: Final = 8
"""Of one address."""

Dated = TypeVar("Dated", Address, Fared, Companion, Webhook)
T = TypeVar("T")
K = TypeVar("K")


def merge(first: Observed, second: Observed) -> Observed:
    """Both together; each must have seen what the other has not. Their numbers of clients are not added."""
    domains = _grouped((*first.domains, *second.domains), lambda one: (one.pack, one.pattern))
    companions = _grouped(
        (*first.companions, *second.companions), lambda one: (one.pack, one.pattern, one.name)
    ).values()
    webhooks = _grouped((*first.webhooks, *second.webhooks), lambda one: (one.pack, one.agent)).values()
    addresses, outcomes = share(ADDRESSES, ALL_ADDRESSES, len(domains)), share(OUTCOMES, ALL_OUTCOMES, len(domains))
    days = _grouped((*first.days, *second.days), lambda one: one.number)
    return Observed(
        since=min(first.since, second.since),
        until=max(first.until, second.until),
        domains=tuple(_domain(*key, some, addresses, outcomes) for key, some in domains.items()),
        companions=_latest(map(_companion, companions), COMPANIONS, lambda one: (one.pack, one.pattern, one.name)),
        webhooks=_latest(map(_webhook, webhooks), WEBHOOKS, lambda one: (one.pack, one.agent)),
        days=tuple(
            Day(
                number=number,
                visibility=added(*(one.visibility for one in some)),
                loss=added(*(one.loss for one in some)),
            )
            for number, some in days.items()
        ),
    )


def pruned(observed: Observed, now: float) -> Observed:
    """What was seen in the last week before ``now``; clocks are set back, but not by more than a day."""
    since, end = now - WEEK, now + DAY
    domains = (
        replace(
            one,
            addresses=tuple(each for each in one.addresses if since <= each.last <= end),
            outcomes=tuple(each for each in one.outcomes if since <= each.last <= end),
        )
        for one in observed.domains
    )
    until = min(max(observed.until, since), end)
    return Observed(
        since=min(max(observed.since, since), until),
        until=until,
        domains=tuple(one for one in domains if one.addresses or one.outcomes),
        companions=tuple(one for one in observed.companions if since <= one.last <= end),
        webhooks=tuple(one for one in observed.webhooks if since <= one.last <= end),
        days=tuple(one for one in observed.days if since < (one.number + 1) * DAY <= end + DAY),
    )


def _grouped(some: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Those of one key together, in the order of the keys."""
    found: dict[K, list[T]] = defaultdict(list)
    for one in some:
        found[key(one)].append(one)
    return dict(sorted(found.items()))


def _latest(some: Iterable[Dated], most: int, key: Callable[[Dated], tuple[str, ...]]) -> tuple[Dated, ...]:
    """At most so many, those that were seen last, in the order of their keys."""
    kept = sorted(some, key=lambda one: (-one.last, key(one)))[:most]
    return tuple(sorted(kept, key=key))


def share(most: int, together: int, domains: int) -> int:
    """How many of something one of so many domains may have."""
    return min(most, max(together // max(domains, 1), FEWEST))


def _domain(pack: str, pattern: str, some: Sequence[Domain], most: int, ends: int) -> Domain:
    addresses = _grouped(chain.from_iterable(one.addresses for one in some), lambda one: one.address)
    outcomes = _grouped(chain.from_iterable(one.outcomes for one in some), sort)
    return Domain(
        pack=pack,
        pattern=pattern,
        addresses=_latest(map(_address, addresses.values()), most, lambda one: (one.address,)),
        outcomes=_latest(map(_fared, outcomes.values()), ends, sort),
    )


def sort(one: Fared) -> tuple[str, ...]:
    """What tells two sorts of outcomes apart."""
    return ("" if one.zone is None else f"={one.zone}", one.stage, one.fate, one.port, str(one.family), one.road)


def _address(some: Sequence[Address]) -> Address:
    return Address(
        address=some[0].address,
        first=min(one.first for one in some),
        last=max(one.last for one in some),
        count=sum(one.count for one in some),
        answered=any(one.answered for one in some),
        ports=tuple(sorted({port for one in some for port in one.ports})[:PORTS]),
        passed=sum(one.passed for one in some),
        dropped=sum(one.dropped for one in some),
        unknown=sum(one.unknown for one in some),
    )


def _fared(some: Sequence[Fared]) -> Fared:
    last = max(one.last for one in some)
    best = max(some, key=lambda one: (one.confidence, one.last))
    return replace(
        best,
        count=sum(one.count for one in some),
        first=min(one.first for one in some),
        last=last,
        clients=max(one.clients for one in some),
        slots=tuple(slot for number, slot in by_slot(some).items() if is_recent(number, last)),
    )


def _companion(some: Sequence[Companion]) -> Companion:
    return replace(
        some[0],
        first=min(one.first for one in some),
        last=max(one.last for one in some),
        count=sum(one.count for one in some),
        clients=max(one.clients for one in some),
        elsewhere=sum(one.elsewhere for one in some),
    )


def _webhook(some: Sequence[Webhook]) -> Webhook:
    statuses: dict[int, int] = defaultdict(int)
    for one in some:
        for status, count in one.statuses:
            statuses[status] += count
    return replace(
        some[0],
        first=min(one.first for one in some),
        last=max(one.last for one in some),
        count=sum(one.count for one in some),
        statuses=tuple(sorted(statuses.items())),
    )
