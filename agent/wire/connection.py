"""What is spoken on a TCP connection: recognised by the first bytes of a segment, not by ports.

TLS may begin anywhere where a segment does: at once, behind a proxy's answer, or behind STARTTLS; what stood before
tells how it came to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.observation import HttpRequest, Via
from agent.wire import dns, http, tls
from agent.wire.preludes import Prelude
from agent.wire.stream import Stream

if TYPE_CHECKING:
    from agent.model.observation import Message

MAX_UNKNOWN: Final = 256
"""Segments of one direction in which something known may still begin."""
MIN_HEAD: Final = 14
"""Bytes after which the beginning of a TLS record or a DNS message is recognised."""
DNS_PORT: Final = 53


class Direction:
    """What one side sends."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.reader: tls.Records | http.Messages | dns.TcpMessages | None = None
        self.unknown = 0
        """Segments that nothing known began with."""
        self.short = b""
        """The first bytes, where they are too few to tell."""
        self.done = False
        self.ended = False


class Connection:
    """Both directions of a connection. ``live``: a filter in the kernel leaves out most of what is not a beginning."""

    def __init__(self, ports: tuple[int, int], *, live: bool) -> None:
        self._ports = ports
        self._live = live
        self._directions = (Direction(), Direction())
        self._waiting: list[str] = []
        self._prelude: Prelude | None = None
        self._connect_host: str | None = None
        self.via: Via | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more is expected from either side."""
        return self._directions[0].done and self._directions[1].done

    @property
    def waiting(self) -> int:
        """Bytes that wait for the rest of a message, or for segments before them."""
        held = 0
        for one in self._directions:
            held += one.stream.held + (one.reader.waiting if one.reader is not None else 0)
        return held

    def is_another(self, side: int, sequence: int) -> bool:
        """Whether a SYN belongs to a later connection between the same ends."""
        first = self._directions[side].stream.first
        return first >= 0 and first != sequence + 1 & 0xFFFFFFFF

    def begin(self, side: int, sequence: int) -> None:
        """Take a SYN of one side (0 or 1)."""
        self._directions[side].stream.begin(sequence)

    def feed(self, side: int, sequence: int, data: bytes, missing: int = 0) -> list[Message]:
        """Take a segment, of which the last ``missing`` bytes were not captured; give what it completes."""
        direction = self._directions[side]
        if direction.done:
            return []
        stream = direction.stream
        pieces = stream.add(sequence, data)
        if missing and pieces:
            stream.next = stream.next + missing & 0xFFFFFFFF
            pieces.append(missing)
        if not pieces and self._live and stream.held and _begins(data):
            pieces = stream.skip()
        return self._take(side, direction, pieces)

    def ends(self, side: int) -> bool:
        """Take a FIN of one side; whether both have ended, and nothing waits for segments before it."""
        self._directions[side].ended = True
        return all(one.ended and not one.stream.held for one in self._directions)

    def flush(self, side: int) -> list[Message]:
        """Give what waits for segments of one side that will not come any more."""
        direction = self._directions[side]
        found: list[Message] = []
        while not direction.done and (pieces := direction.stream.skip()):
            found += self._take(side, direction, pieces)
        return found

    def _take(self, side: int, direction: Direction, pieces: list[bytes | int]) -> list[Message]:
        found: list[Message] = []
        for piece in pieces:
            if direction.done:
                break
            if isinstance(piece, int):
                direction.short = b""
                if direction.reader is not None:
                    direction.reader.gap(piece)
                continue
            try:
                self._read(side, direction, piece, found)
            except Malformed:
                direction.done = True
        return found

    def _read(self, side: int, direction: Direction, data: bytes, found: list[Message]) -> None:
        reader = direction.reader
        if reader is None or (isinstance(reader, http.Messages) and not reader.in_message):
            reader = self._recognised(side, direction, data) or reader
            if reader is None:
                return
            if direction.short:
                data, direction.short = direction.short + data, b""
        if isinstance(reader, tls.Records):
            found += reader.feed(data)
            direction.done = reader.done
        elif isinstance(reader, http.Messages):
            for message in reader.feed(data):
                found.append(message)
                if isinstance(message, HttpRequest):
                    self._connect_host = message.connect_host or self._connect_host
        else:
            found += [dns.decode(message) for message in reader.feed(data)]

    def _recognised(
        self, side: int, direction: Direction, data: bytes
    ) -> tls.Records | http.Messages | dns.TcpMessages | None:
        """The reader of what begins here; None where nothing known does."""
        whole = direction.short + data if direction.short else data
        if direction.short and _begins(data) and not _begins(whole):
            # a few bytes of something else stood before it
            direction.short, whole = b"", data
        if tls.looks_like(whole):
            direction.reader = tls.Records()
            self._explain()
        elif direction.reader is not None:
            return None
        elif http.begins_request(whole) or http.begins_response(whole):
            direction.reader = http.Messages(self._waiting)
        elif _is_dns(whole, DNS_PORT in self._ports):
            direction.reader = dns.TcpMessages()
        else:
            self._wait(side, direction, whole, data)
        return direction.reader

    def _wait(self, side: int, direction: Direction, whole: bytes, data: bytes) -> None:
        """Remember what stands before something known."""
        direction.short = whole if len(whole) < MIN_HEAD and direction.unknown == 0 else b""
        if not direction.short:
            direction.unknown += 1
            direction.done = direction.unknown > MAX_UNKNOWN
        if self._prelude is None:
            self._prelude = Prelude()
        self._prelude.feed(side, data)

    def _explain(self) -> None:
        """How the connection came to TLS, once it has."""
        if self.via is None:
            if self._connect_host is not None:
                self.via = Via("http-connect", self._connect_host)
            elif self._prelude is not None:
                self.via = self._prelude.via()


def _begins(data: bytes) -> bool:
    return tls.looks_like(data) or http.begins_request(data) or http.begins_response(data)


def _is_dns(data: bytes, expected: bool) -> bool:  # noqa: FBT001 - private
    if len(data) < 14:
        return False
    length = int.from_bytes(data[:2], "big")
    if length < 12 or (not expected and length + 2 < len(data)):
        return False
    return expected or (length + 2 == len(data) and dns.looks_like(data[2:]))
