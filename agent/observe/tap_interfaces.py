"""Which interfaces are watched, and which of their packets, so that nothing is seen twice.

A router sees what it forwards twice, on the way in and on the way out, and behind NAT under two addresses. It is
observed where clients are: there it has the client's address, and requests and answers the same two ends. On an
uplink only what this host sends itself counts, and the answers to that (its resolver's and its proxy's questions).
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from contextlib import suppress
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.errors import GateproofError, UsageError
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network

SIOCGIFFLAGS, SIOCGIFHWADDR = 0x8913, 0x8927
IFF_UP, IFF_LOOPBACK = 1, 8
ETHERNET, LOOPBACK = 1, 772
IP_ONLY: Final = frozenset({512, 519, 65534, 768, 769, 776, 778, 823, 32})
"""PPP, raw IP, none (tun, WireGuard), IPIP, IP6IP6, SIT, GRE, GRE over IPv6, InfiniBand: what they carry is IP.

PPP among them: the kernel gives its packets without a header of PPP (drivers/net/ppp/ppp_generic.c)."""
LINK_ETHERNET, LINK_RAW = 1, 101
ROUTES: Final = 16_384
"""Routes that are read of each family; a border router has a million, and its own networks come first."""
PREFIXES: Final = 48
"""Networks behind other interfaces that a filter names; with more, what passes between clients is seen twice."""
# beside a process's own namespace, /proc/net shows that of its first thread
_NET: Final = Path("/proc/thread-self/net")
_REJECT: Final = 0x200
_LOCAL: Final = 0x80000000


class Role(StrEnum):
    """Which packets of an interface count."""

    CLIENTS = "clients"
    """All but those that came in by another interface where clients are."""
    OWN = "own"
    """Those that this host sent itself, and the answers to them."""
    INCOMING = "incoming"
    """Those that come in: on the loopback interface each packet goes out and comes in."""


@record
class Link:
    """An interface as the kernel knows it; ``kind`` is its ARPHRD number (include/uapi/linux/if_arp.h)."""

    name: str
    index: int
    kind: int
    flags: int

    @property
    def framed(self) -> bool:
        """Whether its packets have headers of Ethernet; loopback's have, with addresses of zeros."""
        return self.kind in {ETHERNET, LOOPBACK}

    @property
    def link_type(self) -> int:
        """The number of its link type, for filters and decoders."""
        return LINK_ETHERNET if self.framed else LINK_RAW

    @property
    def usable(self) -> bool:
        """Whether IP packets can be seen there."""
        return self.framed or self.kind in IP_ONLY


@record
class Place:
    """An interface to watch, in its role; ``behind`` are the networks that count elsewhere or came in here before."""

    link: Link
    role: Role
    behind: tuple[str, ...] = ()


def links() -> dict[str, Link]:
    """All interfaces of this network namespace, by name."""
    found: dict[str, Link] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        for index, name in sorted(socket.if_nameindex()):
            request = struct.pack("16s24x", name.encode())
            with suppress(OSError):  # it went away since
                (flags,) = struct.unpack_from("16xH", fcntl.ioctl(asking, SIOCGIFFLAGS, request))
                (kind,) = struct.unpack_from("16xH", fcntl.ioctl(asking, SIOCGIFHWADDR, request))
                found[name] = Link(name, index, kind, flags)
    return found


def plan(wanted: Sequence[str] = ()) -> tuple[Place, ...]:
    """The interfaces of these names, else those that have networks; raises UsageError, or GateproofError for none."""
    found = links()
    for name in wanted:
        if name not in found:
            raise UsageError(f"no interface {name} here; there are {', '.join(found) or 'none'}")
        if not found[name].usable:
            raise UsageError(f"{name} is no interface of IP packets (its type is {found[name].kind})")
    networks: dict[str, list[Prefix]] = {}
    for name, prefix in (*_routes4(), *_routes6()):
        networks.setdefault(name, []).append(prefix)
    uplinks = {name for name, prefixes in networks.items() if any(one.prefixlen <= 1 for one in prefixes)}
    chosen = [found[name] for name in dict.fromkeys(wanted)] or [
        link
        for name, link in found.items()
        if name in networks and link.usable and link.flags & IFF_UP and not link.flags & IFF_LOOPBACK
    ]
    if not chosen:
        raise GateproofError("no interface is up and has an address; name one with --interface")
    return _placed(chosen, uplinks, networks)


def _placed(chosen: list[Link], uplinks: set[str], networks: dict[str, list[Prefix]]) -> tuple[Place, ...]:
    inner = [link for link in chosen if link.name not in uplinks and not link.flags & IFF_LOOPBACK]
    if not inner:  # one leg only: clients and servers are on the same side
        inner = [link for link in chosen if not link.flags & IFF_LOOPBACK]
    prefixes = sorted({one for link in inner for one in networks.get(link.name, ()) if one.prefixlen > 1}, key=str)
    behind = tuple(map(str, prefixes)) if len(prefixes) <= PREFIXES else ()
    places: list[Place] = []
    for link in chosen:
        if link.flags & IFF_LOOPBACK:
            places.append(Place(link, Role.INCOMING))
        elif link in inner:
            places.append(Place(link, Role.CLIENTS, behind))
        else:
            places.append(Place(link, Role.OWN))
    return tuple(places)


def hops(name: str) -> tuple[int, int]:
    """What this host writes into TTL and hop limit of the packets that it makes itself."""
    found: list[int] = []
    for path in ("ipv4/ip_default_ttl", f"ipv6/conf/{name}/hop_limit"):
        try:
            found.append(int(Path("/proc/sys/net", path).read_text()))
        except (OSError, ValueError):  # without IPv6 there is none, and with none it does not matter
            found.append(64)
    return found[0], found[1]


def _routes4() -> Iterator[tuple[str, Prefix]]:
    for words in _lines("route"):
        # Iface Destination Gateway Flags RefCnt Use Metric Mask: words in the byte order of this machine
        if len(words) >= 8 and words[3] != "Flags" and not int(words[3], 16) & _REJECT:
            address, mask = (struct.pack("=I", int(words[at], 16)) for at in (1, 7))
            length = int.from_bytes(mask, "big").bit_count()
            yield words[0], ipaddress.IPv4Network((address, length))


def _routes6() -> Iterator[tuple[str, Prefix]]:
    for words in _lines("ipv6_route"):
        # destination, its length, source, its length, next hop, metric, references, use, flags, interface
        if len(words) < 10 or int(words[8], 16) & (_LOCAL | _REJECT):
            continue
        prefix = ipaddress.IPv6Network((bytes.fromhex(words[0]), int(words[1], 16)))
        if not prefix.is_link_local and not prefix.is_multicast and words[9] != "lo":
            yield words[9], prefix


def _lines(name: str) -> Iterator[list[str]]:
    try:
        with (_NET / name).open(encoding="ascii") as file:
            yield from (line.split() for line in islice(file, ROUTES))
    except FileNotFoundError:  # a kernel without that family
        return
