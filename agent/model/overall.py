"""One verdict over the ports, families and roads of a domain and zone.

A zone can reach a domain if, for every routed family, one road that its clients use is open on every required port.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from agent.model.vocabulary import Reach

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BEST_FIRST: Final = (Reach.ALLOWED, Reach.PARTIAL, Reach.UNKNOWN, Reach.BLOCKED, Reach.NOT_ROUTED)


class OnRoad(Protocol):
    """A verdict for one road, port and family."""

    @property
    def road(self) -> str:
        """``direct``, ``transparent-proxy`` or ``proxy:<address:port>``."""
        ...

    @property
    def port(self) -> object:
        """Protocol and number."""
        ...

    @property
    def family(self) -> int:
        """4 or 6."""
        ...

    @property
    def verdict(self) -> Reach:
        """What becomes of the domain there."""
        ...


T = TypeVar("T", bound=OnRoad)


def overall(verdicts: Iterable[T]) -> Reach:
    """Sum up verdicts on required ports."""
    return Reach.over(Reach.over(one.verdict for one in road) for road in best_roads(verdicts))


def best_roads(verdicts: Iterable[T]) -> list[Sequence[T]]:
    """Give for each family the verdicts of its best road.

    Packets that are sent to the servers themselves go one road, whether NAT leads some to a proxy or not; so do
    those of ports for which a setting names a proxy and those of the others.
    """
    families: dict[int, dict[str, list[T]]] = defaultdict(lambda: defaultdict(list))
    for one in verdicts:
        families[one.family][one.road if one.road.startswith("proxy:") else ""].append(one)
    found: list[Sequence[T]] = []
    for roads in families.values():
        every = {one.port for road in roads.values() for one in road}
        whole = [road for road in roads.values() if {one.port for one in road} == every]
        whole = whole or [[one for road in roads.values() for one in road]]
        found.append(min(whole, key=lambda road: BEST_FIRST.index(Reach.over(one.verdict for one in road))))
    return found
