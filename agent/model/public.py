"""The public unicast address space: where a service on the internet may be.

Source: IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates), rows with
"Globally Reachable: False", and the multicast and reserved blocks;
IPv6 global unicast is 2000::/3 (RFC 4291).
"""

from __future__ import annotations

from typing import Final

from agent.model.intervals import Intervals, prefix_interval

_NOT_PUBLIC_4: Final = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private use
    "100.64.0.0/10",  # shared address space (carrier NAT)
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link local
    "172.16.0.0/12",  # private use
    "192.0.0.0/24",  # IETF protocol assignments
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relay anycast, withdrawn
    "192.168.0.0/16",  # private use
    "198.18.0.0/15",  # benchmarking
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved
)
_NOT_PUBLIC_6: Final = (
    "2001::/23",  # IETF protocol assignments
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "3fff::/20",  # documentation
)


def _intervals(prefixes: tuple[str, ...]) -> Intervals:
    return Intervals.of(prefix_interval(prefix)[1] for prefix in prefixes)


PUBLIC: Final = {
    4: _intervals(_NOT_PUBLIC_4).complement((1 << 32) - 1),
    6: _intervals(("2000::/3",)) - _intervals(_NOT_PUBLIC_6),
}
"""Family to its public unicast addresses."""
