"""What rulesets are made of: addresses, prefixes, ports and marks that the flows of flows.py can hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tests.kernel.flows import CLIENTS, OWN, PORTS, SERVERS, SOURCE_PORTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

Item = TypeVar("Item")

HOSTS = {
    family: [
        *(address for (its, _), some in CLIENTS.items() if its == family for address in some),
        *SERVERS[family],
        *OWN[family].values(),
    ]
    for family in (4, 6)
}
PREFIXES = {
    4: [
        "192.168.7.0/24", "192.168.7.128/25", "192.168.8.0/24", "192.168.0.0/16", "23.32.0.0/11", "104.16.0.0/12",
        "23.0.0.0/8", "0.0.0.0/1", "93.184.216.0/24", "8.8.8.0/24", "128.0.0.0/1", "23.40.0.0/16",
    ],
    6: [
        "fd07:7::/64", "fd07:7::/113", "fd07:8::/64", "fd07::/16", "2600:1400::/24", "2606:4700::/32", "2000::/3",
        "2001:4860::/32", "::/1", "2600:1400:1::/48", "2606:4700:8000::/33",
    ],
}  # fmt: skip
RANGES = {
    4: [
        "192.168.7.5-192.168.7.25",
        "23.31.255.255-23.40.1.2",
        "23.63.255.255-104.16.7.7",
        "93.184.216.30-93.184.216.40",
    ],
    6: ["fd07:7::5-fd07:7::20", "2600:1400:1::7-2606:4700::ffff", "2001:4860::-2001:4860::9000"],
}
MARKS = (0x1, 0x2, 0x10, 0x11, 0x20, 0x77)
LINK_PATTERNS = ("lan*", "wan*", "l*")


def some(random: Random, items: Sequence[Item], low: int, high: int) -> list[Item]:
    """Give between ``low`` and ``high`` different items."""
    return random.sample(items, min(len(items), random.randint(low, high)))


def chance(random: Random, probability: float) -> bool:
    """Say yes with this probability."""
    return random.random() < probability


def host(random: Random, family: int, *, source: bool) -> str:
    """An address; sources are rather clients, destinations rather servers."""
    clients = [address for (its, _), some_ in CLIENTS.items() if its == family for address in some_]
    likely: Sequence[str] = clients if source else SERVERS[family]
    return random.choice(likely if chance(random, 0.7) else HOSTS[family])


def prefix(random: Random, family: int) -> str:
    """A prefix."""
    return random.choice(PREFIXES[family])


def port(random: Random, *, source: bool = False) -> int:
    """A port that some flow may have."""
    return random.choice(SOURCE_PORTS if source else PORTS)


def port_range(random: Random, *, source: bool = False) -> tuple[int, int]:
    """A range of ports that starts or ends near one of the pool."""
    if source:
        return random.choice(((20000, 20010), (20010, 65535), (1024, 65535), (1, 1023), (20015, 20040)))
    return random.choice(((80, 443), (1, 1023), (1024, 65535), (400, 500), (0, 79), (443, 65535)))
