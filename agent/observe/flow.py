"""One connection of TCP as far as it was seen: its packets' marks, times and messages; nothing is judged here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.model.record import record

if TYPE_CHECKING:
    from agent.model.observation import HttpRequest, IcmpError, Message
    from agent.model.requirement import Requirement

COPY: Final = 0.2
"""Seconds in which the same packet comes again on its way through; the least wait for a retransmission (RFC 6298
with Linux's TCP_RTO_MIN) is as long."""


class Sight(NamedTuple):
    """What the IP header of a packet tells of its sender: a tuple, as each segment makes one."""

    at: float
    ttl: int
    ip_id: int | None
    here: bool | None
    """Whether this host made the packet; None where that is not known."""


@record
class ResetSeen:
    """A segment with RST, and what the connection was at then."""

    sight: Sight
    from_server: bool
    seq: int
    ack: int
    ack_flag: bool
    passed_on: bool = False
    """It was seen again on its way through: this gateway did not make it."""


@record
class ErrorSeen:
    """An ICMP error about a packet of the connection."""

    at: float
    source: str
    message: IcmpError


class Segment(NamedTuple):
    """What a segment says of its place in a connection: likewise."""

    sight: Sight
    flags: int
    seq: int
    ack: int
    size: int
    """Bytes of data, with those that were not captured."""


@dataclass(slots=True, eq=False)
class Flow:
    """One connection; the client is who sent the SYN, or the hello where that was not seen."""

    key: bytes
    """Addresses of client and server, then their ports, as on the wire."""
    begin: float
    name: str | None = None
    requirement: Requirement | None = None
    asked: bool = False
    """The name is from the connection itself, not only from an answer of DNS."""
    through: str | None = None
    """``http-connect``, ``socks5``: where the server is a proxy that was asked for the name."""
    plain: bool = False
    """It is HTTP without TLS."""
    request: HttpRequest | None = None
    """The last one, as long as it waits for its response."""
    zone: str | None = None
    syn: Sight | None = None
    """The first one."""
    syn_seq: int = -1
    syns: int = 0
    crossed: bool = False
    """A SYN was seen on its way out, too."""
    synack: Sight | None = None
    synack_passed_on: bool = False
    """Likewise seen twice."""
    sent: float = 0.0
    """When the client sent something for the last time."""
    hello: float | None = None
    """When the first data were sent."""
    hello_seq: int = -1
    hello_size: int = 0
    """Bytes of the first segment with data."""
    hello_sends: int = 0
    hello_crossed: bool = False
    hello_first: Sight | None = None
    """The header of the first segment with data, until it comes again."""
    heard: float | None = None
    """When the server sent data for the first time."""
    server_next: int = -1
    """The sequence number that the server comes to next, as far as its packets were seen."""
    unseen: bool = False
    """The client acknowledged more of the server than was seen."""
    resets: list[ResetSeen] = field(default_factory=list)
    client_fin: float | None = None
    server_fin: float | None = None
    errors: list[ErrorSeen] = field(default_factory=list)
    messages: list[tuple[float, Message]] = field(default_factory=list)
    """What the server said in the handshake of TLS: hello, alert, certificates."""
    outdated: bool = False
    """The client offers no version of TLS that is still in use."""
    decided: bool = False

    @property
    def family(self) -> int:
        """4 or 6."""
        return 4 if len(self.key) == 12 else 6

    @property
    def client(self) -> bytes:
        """Its address."""
        return self.key[: (len(self.key) - 4) // 2]

    @property
    def server(self) -> bytes:
        """Its address."""
        return self.key[(len(self.key) - 4) // 2 : -4]

    @property
    def cport(self) -> int:
        """The client's port."""
        return self.key[-4] << 8 | self.key[-3]

    @property
    def sport(self) -> int:
        """The server's port."""
        return self.key[-2] << 8 | self.key[-1]


def is_copy(first: Sight, again: Sight) -> bool:
    """Whether a packet is one that was seen before, in another place; a retransmission has another IP id."""
    if again.at - first.at >= COPY or again.ttl > first.ttl:
        return False
    if first.ip_id is not None and first.ip_id:
        return again.ip_id == first.ip_id
    # IPv6 has no id, and some write 0 into that of IPv4
    return again.ttl < first.ttl or again.at - first.at < COPY / 100
