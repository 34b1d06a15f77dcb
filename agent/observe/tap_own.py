"""Which answers on an uplink are to this host: those from where it sent something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.wire import icmp
from agent.wire.ip import decode
from agent.wire.link import network

if TYPE_CHECKING:
    from agent.wire.ip import Packet

KEPT: Final = 2048
"""Flows that are remembered; the oldest gives way."""


class Own:
    """Remembers where this host's own packets went."""

    def __init__(self) -> None:
        self._flows: dict[bytes, None] = {}

    def counts(self, link_type: int, frame: bytes, *, outgoing: bool) -> bool:
        """Whether a frame is this host's own (the kernel has told for what goes out), or an answer to such."""
        try:
            found = network(link_type, frame)
            if found is None:
                return outgoing
            packet = decode(frame, found[0])
            if outgoing:
                self._remember(packet, frame)
                return True
            return self._answers(packet, frame)
        except Malformed:
            return False

    def _remember(self, packet: Packet, frame: bytes) -> None:
        begin = packet.begin
        ports = frame[begin : begin + 4] if packet.protocol in {6, 17} else b""
        for key in (packet.destination + ports[2:] + ports[:2], packet.destination):
            if key in self._flows:
                del self._flows[key]  # so that it becomes the youngest
            elif len(self._flows) >= KEPT:
                del self._flows[next(iter(self._flows))]
            self._flows[key] = None

    def _answers(self, packet: Packet, frame: bytes) -> bool:
        begin = packet.begin
        if packet.fragment is not None:
            return packet.source in self._flows
        if packet.protocol in {6, 17}:
            return packet.source + frame[begin : begin + 4] in self._flows
        if packet.protocol in {1, 58}:
            return self._quoted(packet, frame)
        return packet.source in self._flows

    def _quoted(self, packet: Packet, frame: bytes) -> bool:
        """Whether an error is about a packet of this host."""
        message = icmp.decode(frame[packet.begin : packet.end], packet.family)
        if message is None or message.orig_dest_ip is None:
            return False
        quoted = frame[packet.begin + 8 : packet.end]
        inner = decode(quoted)
        ports = quoted[inner.begin : inner.begin + 4]
        return inner.destination + ports[2:] + ports[:2] in self._flows
