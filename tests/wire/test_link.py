"""Link layers, as scapy makes them and by hand where it does not know them."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import (
    ARP,
    LLC,
    SNAP,
    CookedLinux,
    CookedLinuxV2,
    Dot1AD,
    Dot1Q,
    Dot3,
    Ether,
    Loopback,
)
from scapy.layers.ppp import HDLC, PPP, PPPoE

from agent.errors import Malformed, Truncated
from agent.wire.link import network

V4 = IP(src="10.1.2.3", dst="192.0.2.7") / UDP(sport=4000, dport=53) / b"abcdefgh"
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=4000, dport=53) / b"abcdefgh"
ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
DATA: dict[str, Any] = {
    "type": 2,
    "addr1": "02:00:00:00:00:01",
    "addr2": "02:00:00:00:00:02",
    "addr3": "02:00:00:00:00:03",
}
SNAPPED = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP()


def _nflog(packet: bytes, *, name: bytes = b"lan\0") -> bytes:
    hint = struct.pack("<HH", 4 + len(name), 10) + name + bytes(-len(name) % 4)
    return b"\2\0\0\5" + hint + struct.pack("<HH", 4 + len(packet), 9) + packet


CASES: dict[str, tuple[int, Any, tuple[int, ...], tuple[str, ...]]] = {
    "ethernet": (1, ETHER / V4, (), ()),
    "ethernet v6": (1, ETHER / V6, (), ()),
    "vlan": (1, ETHER / Dot1Q(vlan=7, prio=5) / V4, (7,), ()),
    "qinq": (1, ETHER / Dot1AD(vlan=100) / Dot1Q(vlan=7) / V6, (100, 7), ()),
    "three tags": (1, ETHER / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=4095) / V4, (1, 2, 4095), ()),
    "old qinq": (1, bytes(ETHER)[:12] + b"\x91\x00\x00\x09\x92\x00\x00\x08\x08\x00" + bytes(V4), (9, 8), ()),
    "pppoe": (1, ETHER / PPPoE(sessionid=3) / PPP() / V4, (), ("pppoe",)),
    "pppoe v6": (1, ETHER / Dot1Q(vlan=7) / PPPoE(sessionid=3) / PPP(proto=0x57) / V6, (7,), ("pppoe",)),
    "mpls": (1, ETHER / MPLS(label=16, s=0) / MPLS(label=17, s=1) / V4, (), ("mpls",)),
    "mpls v6": (1, ETHER / MPLS(label=17, s=1) / V6, (), ("mpls",)),
    "mpls in pppoe": (1, ETHER / PPPoE() / b"\x02\x81" / MPLS(label=17, s=1) / V4, (), ("pppoe", "mpls")),
    "pseudowire": (1, ETHER / MPLS(label=17, s=1) / b"\0\0\0\5" / ETHER / Dot1Q(vlan=8) / V4, (8,), ("mpls",)),
    "pseudowire without a word": (1, ETHER / MPLS(label=17, s=1) / Ether(dst="00:1b:02:03:04:05") / V4, (), ("mpls",)),
    "snap": (1, Dot3(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / SNAPPED / V4, (), ()),
    "llc": (1, Dot3() / b"\x06\x06\x03" / V4, (), ()),
    "cooked": (113, CookedLinux(proto=0x800) / V4, (), ()),
    "cooked v6": (113, CookedLinux(proto=0x86DD) / V6, (), ()),
    "cooked vlan": (113, CookedLinux(proto=0x8100) / Dot1Q(vlan=7) / V6, (7,), ()),
    "cooked llc": (113, CookedLinux(proto=4) / SNAPPED / V4, (), ()),
    "cooked 2": (276, CookedLinuxV2(proto=0x800) / V4, (), ()),
    "cooked 2 llc": (276, CookedLinuxV2(proto=4) / SNAPPED / V4, (), ()),
    "raw": (101, V4, (), ()),
    "raw of openbsd": (14, V6, (), ()),
    "raw v4": (228, V4, (), ()),
    "raw v6": (229, V6, (), ()),
    "null": (0, Loopback(type=2) / V4, (), ()),
    "null big-endian": (0, b"\0\0\0\x02" + bytes(V4), (), ()),
    "loopback": (108, b"\0\0\0\x1e" + bytes(V6), (), ()),
    "ppp": (9, PPP() / V4, (), ()),
    "ppp compressed": (9, b"\x21" + bytes(V4), (), ()),
    "ppp hdlc": (50, HDLC() / PPP() / V4, (), ()),
    "cisco hdlc": (50, b"\x0f\0\x08\0" + bytes(V4), (), ()),
    "ppp directed": (204, b"\1" + bytes(HDLC() / PPP(proto=0x57) / V6), (), ()),
    "pppoe alone": (51, PPPoE() / PPP() / V4, (), ("pppoe",)),
    "nflog": (239, _nflog(bytes(V4)), (), ()),
    "nflog padded": (239, _nflog(bytes(V6), name=b"lan12\0"), (), ()),
    "pflog": (117, b"\x3d\2" + bytes(62) + bytes(V4), (), ()),
    "802.11": (105, Dot11(**DATA) / SNAPPED / V4, (), ()),
    "802.11 to and from": (105, Dot11(**DATA, FCfield=3, addr4="02:00:00:00:00:04") / SNAPPED / V4, (), ()),
    "802.11 qos": (105, Dot11(**DATA, subtype=8, FCfield=1) / Dot11QoS() / SNAPPED / V6, (), ()),
    "radiotap": (127, RadioTap() / Dot11(**DATA) / SNAPPED / V4, (), ()),
    "radiotap padded": (127, RadioTap() / Dot11(**DATA, subtype=8) / Dot11QoS() / b"\0\0" / SNAPPED / V4, (), ()),
    "prism": (119, b"\x44\0\0\0\x90\0\0\0" + bytes(136) + bytes(Dot11(**DATA) / SNAPPED / V4), (), ()),
    "prism big-endian": (119, b"\0\0\0\x44\0\0\0\x90" + bytes(136) + bytes(Dot11(**DATA) / SNAPPED / V4), (), ()),
    "avs": (163, b"\x80\x21\x10\1\0\0\0\x40" + bytes(56) + bytes(Dot11(**DATA) / SNAPPED / V4), (), ()),
    "avs as prism": (119, b"\x80\x21\x10\1\0\0\0\x40" + bytes(56) + bytes(Dot11(**DATA) / SNAPPED / V4), (), ()),
    "token ring": (6, bytes(14) + bytes(SNAPPED / V4), (), ()),
    "token ring routed": (6, bytes(8) + b"\x80" + bytes(5) + b"\x06" + bytes(5) + bytes(SNAPPED / V4), (), ()),
    "fddi": (10, bytes(13) + bytes(SNAPPED / V4), (), ()),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_where_ip_begins(case: str) -> None:
    link_type, made, vlan, tunnel = CASES[case]
    frame = bytes(made)
    found = network(link_type, frame)
    assert found is not None
    assert frame[found[0] :] in {bytes(V4), bytes(V6)}
    assert found[1:] == (vlan, tunnel)
    # the same within something else
    assert network(link_type, b"before" + frame, 6) == (found[0] + 6, vlan, tunnel)


WITHOUT: dict[str, tuple[int, Any]] = {
    "arp": (1, ETHER / ARP()),
    "lldp": (1, bytes(ETHER)[:12] + b"\x88\xcc" + bytes(40)),
    "spanning tree": (1, Dot3() / LLC(dsap=0x42, ssap=0x42, ctrl=3) / bytes(35)),
    "lcp": (1, ETHER / PPPoE() / PPP(proto=0xC021) / bytes(8)),
    "discovery": (1, bytes(ETHER)[:12] + b"\x88\x63\x11\x09" + bytes(20)),
    "unknown link": (147, V4),
    "beacon": (105, Dot11(type=0, subtype=8) / bytes(40)),
    "null data": (105, Dot11(type=2, subtype=4) / SNAPPED / V4),
    "protected": (105, Dot11(**DATA, FCfield=0x40) / SNAPPED / V4),
    "tags without end": (1, bytes(ETHER)[:12] + b"\x81\0\0\1" * 4000),
    "labels without end": (1, bytes(ETHER)[:12] + b"\x88\x47" + b"\0\1\0\xff" * 4000),
    "labels within labels": (1, bytes(ETHER)[:12] + (b"\x88\x47" + bytes(2) + b"\1" + bytes(13)) * 4000),
    "llc within llc": (1, bytes(ETHER)[:12] + (b"\0\1\xaa\xaa\3\0\0\0\x81\0\0\1") * 4000),
    "netlink": (253, bytes(60)),
    "appletalk in null": (0, b"\x10\0\0\0" + bytes(40)),
}


@pytest.mark.parametrize("case", WITHOUT)
def test_what_carries_no_ip(case: str) -> None:
    link_type, made = WITHOUT[case]
    assert network(link_type, bytes(made)) is None


def test_a_frame_that_ends_within_its_headers() -> None:
    with pytest.raises(Truncated):
        network(1, b"\0" * 13)
    with pytest.raises(Truncated):
        network(1, bytes(12) + b"\x81\0\0")


LINK_TYPES = sorted({link_type for link_type, *_ in CASES.values()} | {100, 104, 127, 163})


@given(st.sampled_from(LINK_TYPES), st.binary(max_size=120))
def test_random_bytes_end_in_a_value_or_our_error(link_type: int, frame: bytes) -> None:
    try:
        found = network(link_type, frame)
    except Malformed:
        return
    assert found is None or found[0] >= 0


@given(
    st.sampled_from(sorted(CASES)), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4), st.data()
)
def test_mutated_frames_end_in_a_value_or_our_error(
    case: str, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    link_type, made, _, _ = CASES[case]
    frame = bytearray(bytes(made))
    for at, value in changes:
        frame[at % len(frame)] = value
    try:
        network(link_type, bytes(frame[: data.draw(st.integers(0, len(frame)))]))
    except Malformed:
        return
