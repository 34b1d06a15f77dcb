"""Clients by the closest block of addresses that holds them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from agent.model.intervals import Interval

T = TypeVar("T", bound="Hashable")


def closest(blocks: Mapping[tuple[int, Interval], T]) -> Iterator[tuple[T, tuple[tuple[int, Intervals], ...]]]:
    """What is said of blocks (family, first and last address), with the addresses of which nothing closer is said.

    Prefixes hold each other or have nothing in common.
    """
    found: dict[T, dict[int, Intervals]] = {}
    taken: dict[int, Intervals] = defaultdict(Intervals)
    for (family, span), said in sorted(blocks.items(), key=lambda one: (one[0][1][1] - one[0][1][0], one[0])):
        mine = Intervals.span(*span) - taken[family]
        taken[family] |= mine
        here = found.setdefault(said, {})
        here[family] = here.get(family, Intervals()) | mine
    for said, addresses in found.items():
        yield said, tuple(sorted(addresses.items()))
