"""Packets on their way out of the gateway that were seen on their way in: they tell that it let them through."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from agent.errors import Malformed
from agent.observe.tap_interfaces import Role, hops
from agent.wire.ip import decode
from agent.wire.link import network

if TYPE_CHECKING:
    from agent.observe.inference import Inference
    from agent.observe.tap_interfaces import Place


class Far:
    """Tells the packets that an interface passes on from those that count there, and the inference of the former."""

    def __init__(self, place: Place, inference: Inference) -> None:
        self._inference = inference
        self._hops = hops(place.link.name)
        self._all = place.role is Role.OWN
        """Whatever is not this host's own was seen before."""
        self._behind: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for text in place.behind:
            prefix = ipaddress.ip_network(text)
            self._behind[prefix.version].append((int(prefix.network_address), int(prefix.netmask)))
        self.idle = place.role is Role.INCOMING or not (self._all or place.behind)

    def take(self, at: float, link_type: int, frame: bytes) -> bool:
        """Whether an outgoing frame is one that was seen elsewhere; then the inference knows of it."""
        if self.idle:
            return False
        try:
            found = network(link_type, frame)
            if found is None:
                return False
            packet = decode(frame, found[0])
        except Malformed:
            return False
        if packet.ttl == self._hops[packet.family == 6] or not (
            self._all or self._is_behind(packet.family, packet.source)
        ):
            return False
        if packet.fragment is None:
            self._inference.far(at, packet, frame)
        return True

    def _is_behind(self, family: int, source: bytes) -> bool:
        number = int.from_bytes(source, "big")
        return any(number & mask == prefix for prefix, mask in self._behind[family])
