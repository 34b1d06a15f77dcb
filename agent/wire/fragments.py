"""Datagrams put together again from their fragments (RFC 791 §3.2, RFC 8200 §4.5), in bounded memory."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agent.wire.ip import Packet

TIMEOUT: Final = 30.0
"""Seconds of packet time from the first fragment that came, as in Linux (ip_frag_time)."""
MEMORY_LIMIT: Final = 1 << 20
"""Bytes of all that is kept, each fragment with its overhead; beyond it the oldest datagram goes."""
DATAGRAM_LIMIT: Final = 1024
"""Datagrams that are waited for at once; beyond it the oldest goes."""
SIZE_LIMIT: Final = 65535
"""Bytes of one datagram."""
PIECE_LIMIT: Final = 2048
"""Pieces of one datagram: 65 535 bytes over the least MTU of IPv4, 68 bytes, make fewer."""
DATAGRAM_OVERHEAD: Final = 640
"""Bytes that a datagram takes beside its pieces, as measured, and rounded up."""
PIECE_OVERHEAD: Final = 100
"""Bytes that a piece takes beside its contents, likewise."""

_Key = tuple[bytes, bytes, int, int, tuple[int, ...], tuple[str, ...]]


class _Datagram:
    """What has come of one datagram: pieces in order, none touching another's bytes."""

    __slots__ = ("begins", "cost", "pieces", "protocol", "received", "refused", "since", "size", "ttl")

    def __init__(self, since: float, protocol: int) -> None:
        self.since = since
        self.protocol = protocol
        self.ttl = 0
        self.begins: list[int] = []
        self.pieces: list[bytes] = []
        self.received = 0
        self.cost = DATAGRAM_OVERHEAD
        # unknown until the last fragment came
        self.size = -1
        self.refused = False

    def clear(self) -> None:
        """Keep only the memory that nothing of it is wanted."""
        self.refused = True
        self.begins = []
        self.pieces = []
        self.received = 0
        self.cost = DATAGRAM_OVERHEAD


class Fragments:
    """The datagrams that are not yet whole.

    Where fragments of IPv4 overlap, the bytes that came first count; a datagram of IPv6 with overlapping fragments is
    refused, whatever else comes of it (RFC 5722 §4), unless the same fragment only came twice (RFC 8200 §4.5).
    """

    __slots__ = ("_datagrams", "evicted", "expired", "memory", "refused")

    def __init__(self) -> None:
        self._datagrams: dict[_Key, _Datagram] = {}
        self.memory = 0
        """Bytes kept, with overhead."""
        self.expired = 0
        """Datagrams given up since a part of them never came."""
        self.evicted = 0
        """Datagrams given up to keep within the limits."""
        self.refused = 0
        """Datagrams given up since their fragments contradict each other or are too many."""

    def __len__(self) -> int:
        return len(self._datagrams)

    def add(
        self,
        packet: Packet,
        frame: bytes,
        now: float,
        vlan: tuple[int, ...] = (),
        tunnel: tuple[str, ...] = (),
    ) -> tuple[int, int, bytes] | None:
        """Protocol, TTL of the first fragment, and payload of the datagram that this fragment makes whole, if any.

        ``now`` is the packet's time in seconds. VLAN and tunnel keep apart what only looks alike.
        """
        self._expire(now)
        fragment = packet.fragment
        if fragment is None:
            return packet.protocol, packet.ttl, frame[packet.begin : packet.end]
        # RFC 8200 tells datagrams apart by identification alone, RFC 791 by the protocol as well
        protocol = packet.protocol if packet.family == 4 else -1
        key = (packet.source, packet.destination, protocol, fragment.identification, vlan, tunnel)
        datagram = self._datagrams.get(key)
        if datagram is None:
            datagram = self._datagrams[key] = _Datagram(now, packet.protocol)
            self.memory += DATAGRAM_OVERHEAD
        elif datagram.refused:
            return None
        before = datagram.cost
        if not _place(datagram, packet, frame):
            datagram.clear()
            self.refused += 1
        elif datagram.received == datagram.size:
            del self._datagrams[key]
            self.memory -= before
            return datagram.protocol, datagram.ttl, b"".join(datagram.pieces)
        self.memory += datagram.cost - before
        self._evict()
        return None

    def _expire(self, now: float) -> None:
        # the oldest stand first; each is removed once
        while self._datagrams:
            key = next(iter(self._datagrams))
            datagram = self._datagrams[key]
            if now - datagram.since <= TIMEOUT:
                return
            self._drop(key)
            if not datagram.refused:
                self.expired += 1

    def _evict(self) -> None:
        while len(self._datagrams) > DATAGRAM_LIMIT or self.memory > MEMORY_LIMIT:
            key = next(iter(self._datagrams))
            self._drop(key)
            self.evicted += 1

    def _drop(self, key: _Key) -> None:
        self.memory -= self._datagrams.pop(key).cost


def _place(datagram: _Datagram, packet: Packet, frame: bytes) -> bool:
    """Put a fragment into its datagram; False if that cannot become one."""
    fragment = packet.fragment
    if fragment is None or packet.missing:
        # what was not captured never comes
        return False
    begin = fragment.offset
    length = packet.end - packet.begin
    end = begin + length
    if end > SIZE_LIMIT or (fragment.more and (length & 7 or not length)):
        return False
    if not fragment.more:
        if datagram.size not in {-1, end}:
            return False
        datagram.size = end
    last = datagram.begins[-1] + len(datagram.pieces[-1]) if datagram.begins else 0
    if 0 <= datagram.size < max(end, last):
        return False
    if begin == 0:
        datagram.protocol = packet.protocol
        datagram.ttl = packet.ttl
    return _fill(datagram, begin, frame[packet.begin : packet.end], first_wins=packet.family == 4)


def _fill(datagram: _Datagram, begin: int, piece: bytes, *, first_wins: bool) -> bool:
    """Put bytes where none are yet; False if there are and the first do not win, or the pieces become too many."""
    begins = datagram.begins
    pieces = datagram.pieces
    end = begin + len(piece)
    at = begin
    place = bisect_right(begins, begin)
    if place and begins[place - 1] == begin and pieces[place - 1] == piece:
        return True
    if place:
        at = max(at, begins[place - 1] + len(pieces[place - 1]))
    while at < end:
        if len(begins) >= PIECE_LIMIT:
            return False
        following = begins[place] if place < len(begins) else end
        stop = min(following, end)
        if not first_wins and (at != begin or stop != end):
            return False
        if at < stop:
            begins.insert(place, at)
            pieces.insert(place, piece[at - begin : stop - begin])
            datagram.received += stop - at
            datagram.cost += stop - at + PIECE_OVERHEAD
            place += 1
        if stop == end:
            return True
        at = following + len(pieces[place])
        place += 1
    return first_wins or at == begin
