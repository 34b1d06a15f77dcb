"""From a frame to the innermost IP packet in it, through tags, labels, tunnels and fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.wire.fragments import Fragments
from agent.wire.ip import Packet, decode, extensions
from agent.wire.ip_tunnels import TUNNELS, inner
from agent.wire.ip_tunnels_udp import PORTS
from agent.wire.link import network

if TYPE_CHECKING:
    Unwrapped = tuple[Packet, bytes, tuple[int, ...], tuple[str, ...]]

TUNNEL_LIMIT: Final = 8
"""Packets within each other; what is still deeper is left in the packet around it."""


class Unwrapper:
    """Unwraps frame after frame; keeps the fragments of datagrams that are not whole."""

    __slots__ = ("fragments",)

    def __init__(self) -> None:
        self.fragments = Fragments()

    def unwrap(self, timestamp: float, link_type: int, frame: bytes) -> Unwrapped | None:
        """The innermost IP packet, the bytes that its offsets are in, VLAN ids and tunnels from the outer to the inner.

        None for a frame that carries no IP, and for a fragment that makes no datagram whole. Raises Malformed or
        Truncated where the outermost packet or a reassembled one is broken; another one in a tunnel is passed over.
        """
        found = network(link_type, frame)
        if found is None:
            return None
        begin, vlan, tunnel = found
        packet = decode(frame, begin)
        if packet[9] is None:
            protocol = packet[1]
            if protocol not in TUNNELS:
                return packet, frame, vlan, tunnel
            if protocol == 17:
                begin = packet[6]
                if begin + 4 > packet[7] or (
                    (frame[begin + 2] << 8 | frame[begin + 3]) not in PORTS
                    and (frame[begin] << 8 | frame[begin + 1]) not in PORTS
                ):
                    return packet, frame, vlan, tunnel
        return self._descend(timestamp, packet, frame, vlan, tunnel)

    def _descend(
        self, timestamp: float, packet: Packet, frame: bytes, vlan: tuple[int, ...], tunnel: tuple[str, ...]
    ) -> Unwrapped | None:
        for depth in range(TUNNEL_LIMIT + 1):
            if packet.fragment is not None:
                whole = self.fragments.add(packet, frame, timestamp, vlan, tunnel)
                if whole is None:
                    return None
                packet, frame = _whole(packet, *whole)
            found = inner(packet, frame) if depth < TUNNEL_LIMIT else None
            if found is None:
                break
            try:
                packet = decode(frame, found[0], packet.end)
            except Malformed:
                break
            vlan += found[1]
            tunnel += found[2]
        return packet, frame, vlan, tunnel


def _whole(packet: Packet, protocol: int, ttl: int, payload: bytes) -> tuple[Packet, bytes]:
    """The packet that a datagram would have been without fragmentation, and its payload; raises Malformed."""
    end = len(payload)
    # the other extension headers stand behind that of fragmentation
    protocol, begin, fragment = extensions(payload, packet.family, protocol, 0, end)
    if fragment is not None:
        raise Malformed("a datagram that was fragmented twice")
    return packet._replace(protocol=protocol, ttl=ttl, begin=begin, end=end, fragment=None), payload
