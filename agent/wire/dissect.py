"""Frames in, observations out: the decoders of all layers behind each other, with the connections that are open."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, Protocol

from agent.errors import Malformed
from agent.model.observation import Observation, Reset
from agent.wire import dns, icmp, quic
from agent.wire.budget import Budget
from agent.wire.connection import Connection
from agent.wire.ip_unwrap import Unwrapper

if TYPE_CHECKING:
    from agent.model.observation import Message
    from agent.wire.beside import Beside
    from agent.wire.ip import Packet

CONNECTION_LIMIT: Final = 16_384
"""TCP connections that are followed at the same time; the oldest gives way."""
LIVE_LIMIT: Final = 1024
"""Likewise live, where few packets of each are seen, and memory is dear."""
WAITING_LIMIT, LIVE_WAITING_LIMIT = 64 << 20, 512 << 10
"""Bytes of messages that are not whole, of all connections together."""
TEXT_LIMIT: Final = 1024
"""Addresses whose text is kept."""
DNS: Final = 53
DNS_PORTS: Final = frozenset({DNS, 5353, 5355})
"""DNS, mDNS and LLMNR."""
FIN, SYN, RST, ACK = 1, 2, 4, 16
_MASK: Final = (1 << 32) - 1


class Watch(Protocol):
    """Who wants to see packets besides what they say."""

    def segment(self, timestamp: float, packet: Packet, data: bytes) -> None:
        """A TCP segment with a whole header, before the messages that it completes."""

    def long_header(self, timestamp: float, packet: Packet, data: bytes, begin: int, end: int) -> None:
        """A UDP datagram that begins with a long header of QUIC, from the header of UDP on."""

    def beside(self, timestamp: float, packet: Packet, data: bytes) -> None:
        """A datagram with a message of DNS about a name that nobody wants, in place of its observation."""

    def message(self, seen: Observation, packet: Packet) -> None:
        """An observation, and the packet that completed it."""


class Dissector:
    """Takes frames in the order of time. ``live``: most of what is not the beginning of a message was filtered out.

    What ``beside`` holds is counted there, and makes no observation.
    """

    def __init__(self, *, live: bool = False, watch: Watch | None = None, beside: Beside | None = None) -> None:
        self._live = live
        self._watch = watch
        self._beside = beside
        self._unwrapper = Unwrapper()
        self._connections: dict[bytes, Connection | None] = {}
        """By both ends, None where nothing more is expected."""
        self._limit = LIVE_LIMIT if live else CONNECTION_LIMIT
        self._waiting = Budget(LIVE_WAITING_LIMIT if live else WAITING_LIMIT)
        self._quic = quic.Connections(*(LIVE_LIMIT, LIVE_WAITING_LIMIT) if live else (CONNECTION_LIMIT, WAITING_LIMIT))
        self._texts: dict[bytes, str] = {}
        self.frames = 0
        self.malformed = 0
        """Frames and messages that are not what they should be."""
        self.empty = 0
        """Frames without an IP packet, and fragments that make none whole."""

    def take(self, timestamp: float, link_type: int, frame: bytes, iface: str | None = None) -> list[Observation]:
        """Give what one frame completes."""
        self.frames += 1
        try:
            found = self._unwrapper.unwrap(timestamp, link_type, frame)
        except Malformed:
            self.malformed += 1
            return []
        if found is None:
            self.empty += 1
            return []
        packet, data, vlan, tunnel = found
        protocol, begin, end = packet[1], packet[6], packet[7]
        transport: str | None
        sport: int | None
        dport: int | None
        if protocol == 6 and end - begin >= 20:
            if self._watch is not None:
                self._watch.segment(timestamp, packet, data)
            messages, connection = self._tcp(packet, data)
            if not messages:
                return []
            via = connection.via if connection is not None else None
            transport, sport, dport = "tcp", data[begin] << 8 | data[begin + 1], data[begin + 2] << 8 | data[begin + 3]
        elif protocol == 17 and end - begin >= 8:
            messages = self._udp(packet, data, timestamp)
            if not messages:
                return []
            via = None
            transport, sport, dport = "udp", data[begin] << 8 | data[begin + 1], data[begin + 2] << 8 | data[begin + 3]
        elif protocol in (1, 58):
            messages = self._icmp(packet, data)
            via, transport, sport, dport = None, None, None, None
        else:
            return []
        source, destination = self._text(packet[2]), self._text(packet[3])
        observations = [
            Observation(timestamp, source, destination, sport, dport, transport, message, vlan, tunnel, via, iface)
            for message in messages
        ]
        if self._watch is not None:
            for one in observations:
                self._watch.message(one, packet)
        return observations

    def finish(self, timestamp: float) -> list[Observation]:
        """Give what still waits for segments that will not come any more."""
        found: list[Observation] = []
        for key, connection in self._connections.items():
            if connection is None:
                continue
            half = len(key) // 2
            lower, upper = ((self._text(end[:-2]), end[-2] << 8 | end[-1]) for end in (key[:half], key[half:]))
            for side, (one, other) in enumerate(((upper, lower), (lower, upper))):
                found += [
                    Observation(timestamp, one[0], other[0], one[1], other[1], "tcp", message, via=connection.via)
                    for message in connection.flush(side)
                ]
        self._connections.clear()
        return found

    # ---- transports ----

    def _tcp(self, packet: Packet, data: bytes) -> tuple[list[Message], Connection | None]:
        begin, end = packet[6], packet[7]
        flags = data[begin + 13]
        at = begin + (data[begin + 12] >> 4) * 4
        if flags & RST:
            return [_reset(packet, data, begin, flags)], None
        if at >= end and not flags & (SYN | FIN):
            return [], None
        one, other = packet[2] + data[begin : begin + 2], packet[3] + data[begin + 2 : begin + 4]
        side = one < other
        key = one + other if side else other + one
        known = key in self._connections
        connection = self._connections.get(key)
        if known and connection is None and not flags & SYN:
            return [], None
        sequence = int.from_bytes(data[begin + 4 : begin + 8], "big")
        if flags & SYN:
            if connection is None or connection.is_another(side, sequence):
                connection = self._open(key, data, begin)
            connection.begin(side, sequence)
            sequence = sequence + 1 & _MASK
        found: list[Message] = []
        if begin + 20 <= at < end:
            if connection is None:
                connection = self._open(key, data, begin)
            found = connection.feed(side, sequence, data[at:end], packet[8])
            if connection.done:
                self._connections[key] = None
            if not found or key in self._waiting:
                for gone in self._waiting.put(key, 0 if connection.done else connection.waiting):
                    self._connections[gone] = None
        if flags & FIN and connection is not None and connection.ends(side):
            self._connections.pop(key, None)
            self._waiting.put(key, 0)
        return found, connection

    def _open(self, key: bytes, data: bytes, begin: int) -> Connection:
        if len(self._connections) >= self._limit:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            self._waiting.put(oldest, 0)
        ports = (data[begin] << 8 | data[begin + 1], data[begin + 2] << 8 | data[begin + 3])
        connection = self._connections[key] = Connection(ports, live=self._live)
        return connection

    def _udp(self, packet: Packet, data: bytes, timestamp: float) -> list[Message]:
        begin, end = packet[6], packet[7]
        sport, dport = data[begin] << 8 | data[begin + 1], data[begin + 2] << 8 | data[begin + 3]
        length = data[begin + 4] << 8 | data[begin + 5]
        if 8 <= length < end - begin:
            end = begin + length
        payload = data[begin + 8 : end]
        if sport in DNS_PORTS or dport in DNS_PORTS:
            # a question goes to the port, an answer comes from it
            answer = len(payload) > 2 and payload[2] & 0x80 != 0
            beside = self._beside
            if beside is not None and (sport if answer else dport) == DNS and beside.holds(payload):
                beside.count(timestamp, answer=answer)
                if self._watch is not None:
                    self._watch.beside(timestamp, packet, data)
                return []
            return self._dns(payload)
        if quic.looks_like(payload):
            if self._watch is not None and payload[0] & 0x80:
                self._watch.long_header(timestamp, packet, data, begin, end)
            one, other = packet[2] + data[begin : begin + 2], packet[3] + data[begin + 2 : begin + 4]
            key = one + other if one < other else other + one
            return [*self._quic.feed(key, payload)]
        return self._dns(payload) if dns.looks_like(payload) else []

    def _dns(self, payload: bytes) -> list[Message]:
        try:
            return [dns.decode(payload)]
        except Malformed:
            self.malformed += 1
            return []

    def _icmp(self, packet: Packet, data: bytes) -> list[Message]:
        try:
            found = icmp.decode(data[packet[6] : packet[7]], packet[0])
        except Malformed:
            self.malformed += 1
            return []
        return [] if found is None else [found]

    def _text(self, address: bytes) -> str:
        text = self._texts.get(address)
        if text is None:
            if len(self._texts) >= TEXT_LIMIT:
                self._texts.clear()
            family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
            text = self._texts[address] = socket.inet_ntop(family, address)
        return text


def _reset(packet: Packet, data: bytes, begin: int, flags: int) -> Reset:
    sequence, acknowledged = (int.from_bytes(data[at : at + 4], "big") for at in (begin + 4, begin + 8))
    return Reset(packet[4], packet[5], sequence, acknowledged, bool(flags & ACK))
