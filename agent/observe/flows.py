"""TCP connections as far as they tell what became of them: who began, who answered with what, and who ended it.

Nothing is judged here. A router sees a packet twice, on its way in and on its way out: the second sight of one is
no retransmission, but the proof that it got through (``crossed``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.observe.crossings import mark_of
from agent.observe.flow import COPY, ErrorSeen, Flow, ResetSeen, Segment, Sight, is_copy
from agent.observe.recent import Recent

if TYPE_CHECKING:
    from agent.model.observation import IcmpError
    from agent.model.requirement import Requirement
    from agent.observe.crossings import Crossings
    from agent.wire.ip import Packet

OPEN: Final = 1024
"""Connections that are followed until it is known for which name they are."""
NAMED: Final = 1024
"""Connections of required names."""
MOST: Final = 4
"""Resets and errors that are kept of one connection; of more the first ones count."""
FIN, SYN, RST, ACK = 1, 2, 4, 16
_MASK: Final = (1 << 32) - 1
_new: Final = tuple.__new__


class Flows:
    """All connections that are open; fed with segments, asked by both ends."""

    def __init__(self, crossings: Crossings) -> None:
        self._crossings = crossings
        self._open: Recent[bytes, Flow] = Recent(OPEN)
        self._named: Recent[bytes, Flow] = Recent(NAMED)
        self._images: Recent[bytes, None] = Recent(OPEN)
        """Connections that are others, behind NAT."""
        self.answered: list[Flow] = []
        """Whose first answer has come since this list was emptied."""

    def named(self) -> list[Flow]:
        """Those of required names, the oldest first."""
        return self._named.values()

    def find(self, key: bytes) -> Flow | None:
        """The connection between two ends: addresses, then ports, those of the client first."""
        return self._named.get(key) or self._open.get(key)

    def is_image(self, key: bytes) -> bool:
        """Whether a connection is another one, seen behind NAT."""
        return key in self._images

    def opened(self, key: bytes, at: float) -> Flow:
        """A connection that begins, or is seen for the first time."""
        flow = Flow(key, at)
        self._named.pop(key)
        self._open.put(key, flow)
        return flow

    def name(self, flow: Flow, name: str, requirement: Requirement, *, asked: bool) -> None:
        """Keep a connection, for it is that of a required name."""
        flow.name, flow.requirement, flow.asked = name, requirement, asked or flow.asked
        if self._open.pop(flow.key) is not None or flow.key not in self._named:
            self._named.put(flow.key, flow)

    def release(self, flow: Flow) -> None:
        """It is of no interest any more."""
        if self._named.get(flow.key) is flow:
            self._named.pop(flow.key)
        elif self._open.get(flow.key) is flow:
            self._open.pop(flow.key)

    def unname(self, flow: Flow) -> None:
        """Another name was asked for than the answers of DNS led to expect."""
        flow.name = flow.requirement = None
        if self._named.get(flow.key) is flow:
            self._named.pop(flow.key)
            self._open.put(flow.key, flow)

    # ---- segments ----

    def segment(self, at: float, packet: Packet, data: bytes, here: bool | None) -> Flow | None:  # noqa: FBT001 - on every segment
        """Take one, ``here``: made by this host; give the connection where it has just begun."""
        begin = packet[6]
        flags = data[begin + 13]
        key = packet[2] + packet[3] + data[begin : begin + 4]
        if flags & (SYN | ACK | RST) == SYN:
            return self._syn(key, _read(at, packet, data, here))
        flow = self._named.get(key) or self._open.get(key)
        if flow is not None:
            self._from_client(flow, _read(at, packet, data, here))
            return None
        back = packet[3] + packet[2] + data[begin + 2 : begin + 4] + data[begin : begin + 2]
        flow = self._named.get(back) or self._open.get(back)
        if flow is not None:
            self._from_server(flow, _read(at, packet, data, here))
        return None

    def _syn(self, key: bytes, segment: Segment) -> Flow | None:
        sight = segment.sight
        at = sight.at
        flow = self._named.get(key) or self._open.get(key)
        half = (len(key) - 4) // 2
        mark = mark_of(key[half:-4], key[-2:], segment.seq)
        if flow is not None and flow.syn_seq == segment.seq and flow.syn is not None:
            if is_copy(flow.syn, sight) and at - flow.sent < COPY:
                flow.crossed = flow.crossed or sight.ttl < flow.syn.ttl
                if flow.crossed:
                    self._crossings.seen(at)
            elif at - flow.sent > COPY:
                flow.syns += 1
                flow.sent = at
                self._crossings.is_image(mark, at, sight.ttl)
            return None
        if self._crossings.is_image(mark, at, sight.ttl):
            self._images.put(key, None)
            return None
        self._images.pop(key)
        flow = self.opened(key, at)
        flow.syn, flow.syn_seq, flow.syns, flow.sent = sight, segment.seq, 1, at
        return flow

    @staticmethod
    def _from_client(flow: Flow, segment: Segment) -> None:
        sight = segment.sight
        if segment.flags & RST:
            _reset(flow, segment, from_server=False)
            return
        if flow.server_next >= 0 and 0 < segment.ack - flow.server_next & _MASK < 1 << 31:
            flow.unseen = True
        if segment.size > 0:
            if flow.hello is None:
                flow.hello = flow.sent = sight.at
                flow.hello_seq, flow.hello_size, flow.hello_sends = segment.seq, segment.size, 1
                flow.hello_first = sight
            elif segment.seq == flow.hello_seq:
                _again(flow, sight)
            elif segment.seq - flow.hello_seq & _MASK < 1 << 31:
                flow.sent = sight.at
        if segment.flags & FIN and flow.client_fin is None:
            flow.client_fin = sight.at

    def _from_server(self, flow: Flow, segment: Segment) -> None:
        at = segment.sight.at
        if segment.flags & RST:
            _reset(flow, segment, from_server=True)
            return
        if segment.flags & SYN:
            if flow.synack is None:
                flow.synack = segment.sight
                flow.server_next = segment.seq + 1 & _MASK
                self.answered.append(flow)
            elif segment.sight.ttl < flow.synack.ttl and is_copy(flow.synack, segment.sight):
                flow.synack_passed_on = True
            return
        fin = segment.flags & FIN  # which takes a number of its own
        if segment.size > 0 or fin:
            flow.server_next = segment.seq + segment.size + fin & _MASK
        if segment.size > 0 and flow.heard is None:
            flow.heard = at
        if fin and flow.server_fin is None:
            flow.server_fin = at

    def error(self, key: bytes, at: float, source: str, message: IcmpError) -> Flow | None:
        """Take an error about a packet of the client; give the connection that it is about."""
        flow = self.find(key)
        if flow is not None and len(flow.errors) < MOST:
            flow.errors.append(ErrorSeen(at, source, message))
        return flow


def _again(flow: Flow, sight: Sight) -> None:
    """The first segment with data comes again: from another place, or because nothing came back."""
    if flow.hello_first is not None and is_copy(flow.hello_first, sight):
        flow.hello_crossed = flow.hello_crossed or sight.ttl < flow.hello_first.ttl
    elif sight.at - flow.sent > COPY / 2:
        flow.hello_sends += 1
        flow.sent, flow.hello_first = sight.at, sight


def _reset(flow: Flow, segment: Segment, *, from_server: bool) -> None:
    sight = segment.sight
    for place, one in enumerate(flow.resets):
        if one.seq == segment.seq and one.from_server == from_server and is_copy(one.sight, sight):
            if sight.ttl < one.sight.ttl:
                flow.resets[place] = replace(one, passed_on=True)
            return
    if len(flow.resets) < MOST:
        flow.resets.append(ResetSeen(sight, from_server, segment.seq, segment.ack, bool(segment.flags & ACK)))


def _read(at: float, packet: Packet, data: bytes, here: bool | None) -> Segment:  # noqa: FBT001 - on every segment
    begin, end = packet[6], packet[7]
    seq, ack = int.from_bytes(data[begin + 4 : begin + 8], "big"), int.from_bytes(data[begin + 8 : begin + 12], "big")
    size = end - begin - (data[begin + 12] >> 4) * 4 + packet[8]
    sight = _new(Sight, (at, packet[4], packet[5], here))
    return _new(Segment, (sight, data[begin + 13], seq, ack, size))
