"""Link types and headers in front of IP that are seldom met; each holds the same packet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from agent.model.observation import Dns
from agent.wire.dissect import Dissector
from tests.wire.test_dns import message

INNER = IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=5555, dport=53) / message().to_wire()
INNER6 = IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=5555, dport=53) / message().to_wire()
FOUR, SIX = bytes(INNER), bytes(INNER6)
MACS = bytes(12)
ETHER = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / INNER)
SNAP = b"\xaa\xaa\x03\0\0\0\x08\0"
WLAN = b"\x08\x01" + bytes(22) + SNAP
FRAMES = {
    "vn-tag": (1, MACS + b"\x89\x26\0\0\0\0\x08\0" + FOUR),
    "e-tag": (1, MACS + b"\x89\x3f" + bytes(6) + b"\x08\0" + FOUR),
    "group tag": (1, MACS + b"\x89\x09\x01\x01\0\x01\0\x07\x08\0" + FOUR),
    "provider bridge": (1, MACS + b"\x88\xe7\0\0\0\x01" + ETHER),
    "fabric path": (1, MACS + b"\x89\x03\0\x3f" + ETHER),
    "service chain": (1, MACS + b"\x89\x4f\0\x02\x02\x01\0\0\x01\xff" + FOUR),
    "service chain, six": (1, MACS + b"\x89\x4f\0\x02\x02\x02\0\0\x01\xff" + SIX),
    "service chain, ethernet": (1, MACS + b"\x89\x4f\0\x06\x01\x03\0\0\x01\xff" + bytes(16) + ETHER),
    "frame relay": (107, b"\x18\x41\x03\xcc" + FOUR),
    "frame relay, snap": (107, b"\x18\x41\x03\0\x80\0\0\0\x08\0" + FOUR),
    "frame relay, four bytes": (107, b"\x18\x40\x40\x41\x03\x8e" + SIX),
    "frame relay, cisco": (107, b"\x18\x41\x08\0" + FOUR),
    "enc": (109, b"\x02\0\0\0" + bytes(8) + FOUR),
    "fibre channel": (122, bytes(16) + SNAP + FOUR),
    "sunatm": (123, b"\x02\x01\0\x05" + SNAP + FOUR),
    "ppi": (192, b"\0\0\x08\0\x69\0\0\0" + WLAN + FOUR),
    "ppi, fields": (192, b"\0\0\x0c\0\x01\0\0\0" + bytes(4) + ETHER),
    "ayiya": (
        1,
        bytes(
            Ether()
            / IP(src="198.51.100.1", dst="198.51.100.2")
            / UDP(sport=5072, dport=5072)
            / (b"\x41\x52\x11\x29" + bytes(4 + 16 + 20) + SIX)
        ),
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_the_packet_inside_is_found(name: str) -> None:
    link_type, frame = FRAMES[name]
    (found,) = Dissector().take(1.0, link_type, frame)
    assert isinstance(found.message, Dns)
    assert found.src_ip in {"192.0.2.1", "2001:db8::1"}


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, MACS + b"\x89\x26" + b"\0\0\0\0\x89\x26" * 100 + b"\0\0\0\0\x08\0" + FOUR),
        (1, MACS + b"\x89\x4f\0\x01\x02\x01" + FOUR),
        (1, MACS + b"\x89\x09\x02\x01\0\x01\0\x07\x08\0" + FOUR),
        (107, b"\x18\x40\x40\x40\x40\x03\xcc" + FOUR),
        (192, b"\0\0\x08\0\xc0\0\0\0" * 200 + WLAN + FOUR),
        (192, b"\0\0\x04\0\x69\0\0\0" + WLAN + FOUR),
    ],
)
def test_what_is_not_right_is_left_alone(link_type: int, frame: bytes) -> None:
    assert Dissector().take(1.0, link_type, frame) == []


@given(st.sampled_from(sorted(FRAMES)), st.data())
def test_mutated(name: str, data: st.DataObject) -> None:
    link_type, frame = FRAMES[name]
    changed = bytearray(frame)
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    dissector = Dissector()
    dissector.take(1.0, link_type, bytes(changed[: data.draw(st.integers(0, len(changed)))]))
    dissector.finish(2.0)
    assert dissector.frames == 1
