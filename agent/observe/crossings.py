"""Which packets got through this gateway: those that were seen again on their way out, under whatever address.

NAT changes the client's address and port, but neither the sequence number of a SYN nor the server's end of it; nor
the id of a question to a resolver, or the connection id of QUIC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.observe.recent import Recent

if TYPE_CHECKING:
    from agent.wire.ip import Packet

KEPT: Final = 1024
"""Packets that are remembered."""
SOON: Final = 1.0
"""Seconds that a packet is on its way through, with all queues."""
WINDOW: Final = 600.0
"""Seconds in which another packet must have crossed, for one that did not to mean anything."""
SYN, ACK = 2, 16


class Crossings:
    """Packets by what NAT leaves as it is; ``far`` is told of those on their way out where the tap sees that side."""

    def __init__(self) -> None:
        self._near: Recent[bytes, tuple[float, int]] = Recent(KEPT)
        """SYNs, with time and TTL."""
        self._far: Recent[bytes, float] = Recent(KEPT)
        self._last: float | None = None

    def watched(self, now: float) -> bool:
        """Whether the way out is seen at all: something crossed not long ago."""
        return self._last is not None and now - self._last < WINDOW

    def seen(self, at: float) -> None:
        """Something crossed."""
        self._last = at

    def far(self, at: float, packet: Packet, data: bytes) -> None:
        """A packet on its way out."""
        marks = _marks(packet, data)
        if marks is not None:
            self._far.put(marks, at)
            self._last = at

    def crossed(self, mark: bytes, since: float) -> bool:
        """Whether a packet with this mark went out after that time."""
        at = self._far.get(mark)
        return at is not None and at >= since - SOON

    def is_image(self, mark: bytes, at: float, ttl: int) -> bool:
        """Whether a packet is one that was seen before, now behind NAT or another hop; else it is remembered."""
        before = self._near.get(mark)
        if before is not None and 0 <= at - before[0] < SOON and ttl < before[1]:
            self._far.put(mark, at)
            self._last = at
            return True
        self._near.put(mark, (at, ttl))
        return False


def mark_of(server: bytes, port: bytes, number: int) -> bytes:
    """What NAT leaves of a TCP segment: the server's end and the sequence number."""
    return server + port + number.to_bytes(4, "big")


def mark_of_question(resolver: bytes, number: int) -> bytes:
    """What NAT leaves of a question: the resolver and its id."""
    return b"d" + resolver + number.to_bytes(2, "big")


def mark_of_quic(server: bytes, dcid: bytes) -> bytes:
    """What NAT leaves of an Initial: the server and the connection id that it is sent to."""
    return b"q" + server + dcid


def _marks(packet: Packet, data: bytes) -> bytes | None:
    begin, end = packet[6], packet[7]
    if packet[1] == 6 and end - begin >= 20:
        return packet[3] + data[begin + 2 : begin + 8]
    if packet[1] == 17 and end - begin >= 15:
        if data[begin + 2] == 0 and data[begin + 3] == 53:
            return b"d" + packet[3] + data[begin + 8 : begin + 10]
        if data[begin + 8] & 0x80:
            return b"q" + packet[3] + data[begin + 14 : begin + 14 + data[begin + 13]]
    return None
