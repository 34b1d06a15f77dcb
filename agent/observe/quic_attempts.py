"""QUIC connections as far as their long headers tell: who began, and whether anybody answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.observe.crossings import mark_of_quic
from agent.observe.flow import Sight, is_copy
from agent.observe.flows import MOST
from agent.observe.outcomes_quic import Attempt
from agent.observe.recent import Recent

if TYPE_CHECKING:
    from agent.model.requirement import Requirement
    from agent.observe.crossings import Crossings
    from agent.observe.flow import ErrorSeen
    from agent.wire.ip import Packet

OPEN: Final = 1024


class QuicFlow:
    """One connection; the client is who sent the first Initial."""

    __slots__ = (
        "answered", "begin", "client", "cport", "crossed", "dcid", "errors", "initials", "key", "last", "name",
        "requirement", "sent", "server", "sport", "zone",
    )  # fmt: skip

    def __init__(self, key: bytes, sight: Sight) -> None:
        half = (len(key) - 4) // 2
        self.key = key
        self.client = key[:half]
        self.server = key[half : 2 * half]
        self.cport = key[-4] << 8 | key[-3]
        self.sport = key[-2] << 8 | key[-1]
        self.begin = self.sent = sight.at
        self.last = sight
        self.initials = 1
        self.answered: float | None = None
        self.errors: list[ErrorSeen] = []
        self.crossed = False
        self.dcid = b""
        self.name: str | None = None
        self.requirement: Requirement | None = None
        self.zone: str | None = None

    def facts(self, over_tcp: float | None) -> Attempt:
        """What a judgement takes."""
        return Attempt(self.begin, self.sent, self.initials, self.answered, tuple(self.errors), over_tcp)


class QuicAttempts:
    """All that are open."""

    def __init__(self, crossings: Crossings) -> None:
        self._crossings = crossings
        self._flows: Recent[bytes, QuicFlow] = Recent(OPEN)
        self._named: Recent[bytes, QuicFlow] = Recent(OPEN)

    def open(self) -> list[QuicFlow]:
        """Those of required names, the oldest first."""
        return self._named.values()

    def close(self, flow: QuicFlow) -> None:
        """It is judged; what else passes on it belongs to nobody."""
        self._named.pop(flow.key)
        flow.requirement = None

    def datagram(self, at: float, packet: Packet, data: bytes, begin: int, end: int) -> None:
        """A datagram that begins with a long header, from its UDP header on."""
        key = packet[2] + packet[3] + data[begin : begin + 4]
        flow = self._flows.get(key)
        sight = Sight(at, packet[4], packet[5], None)
        if flow is not None:
            if is_copy(flow.last, sight):
                flow.crossed = flow.crossed or packet[4] < flow.last.ttl
            else:
                flow.initials += 1
                flow.sent, flow.last = at, sight
                self._crossings.is_image(_mark(packet, data, begin), at, packet[4])
            return
        flow = self._flows.get(packet[3] + packet[2] + data[begin + 2 : begin + 4] + data[begin : begin + 2])
        if flow is not None:
            if flow.answered is None:
                flow.answered = at
        elif end - begin >= 15 and not self._crossings.is_image(_mark(packet, data, begin), at, packet[4]):
            self._flows.put(key, QuicFlow(key, sight))

    def name(self, key: bytes, name: str, requirement: Requirement, zone: str | None, dcid: bytes) -> None:
        """The client asked for a required name on a connection."""
        flow = self._flows.get(key)
        if flow is not None and flow.name is None:
            flow.name, flow.requirement, flow.zone, flow.dcid = name, requirement, zone, dcid
            self._named.put(key, flow)

    def error(self, key: bytes, error: ErrorSeen) -> None:
        """An ICMP error about a datagram of the client."""
        flow = self._flows.get(key)
        if flow is not None and len(flow.errors) < MOST:
            flow.errors.append(error)


def _mark(packet: Packet, data: bytes, begin: int) -> bytes:
    return mark_of_quic(packet[3], data[begin + 14 : begin + 14 + data[begin + 13]])
