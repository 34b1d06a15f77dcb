"""IP headers and tunnels, as scapy makes them and by hand where it does not know them."""

from __future__ import annotations

import pathlib
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.erspan import ERSPAN_I, ERSPAN_II, ERSPAN_III
from scapy.contrib.etherip import EtherIP
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import Dot11
from scapy.layers.inet import IP, TCP, UDP, IPerror, IPOption_RR
from scapy.layers.inet6 import (
    IPerror6,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import ARP, GRE, GRE_PPTP, LLC, SNAP, Dot1Q, Ether
from scapy.layers.l2tp import L2TP
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.utils import PcapReader

from agent.errors import Malformed, Truncated
from agent.wire.capture import Capture
from agent.wire.ip import Fragment, Packet, decode
from agent.wire.ip_tunnels import inner
from agent.wire.ip_unwrap import TUNNEL_LIMIT, Unwrapper

if TYPE_CHECKING:
    from collections.abc import Iterator

CAPTURES = pathlib.Path("/work/shared/captures")

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
OUTER = ETHER / IP(src="10.9.9.1", dst="10.9.9.2")
OUTER6 = ETHER / IPv6(src="2001:db8:9::1", dst="2001:db8:9::2")
V4 = IP(src="10.1.2.3", dst="192.0.2.7", ttl=61, id=77) / TCP(sport=4000, dport=443) / b"abcdefgh"
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=61) / TCP(sport=4000, dport=443) / b"abcdefgh"
TEREDO = IPv6(src="2001:0:1:2::1", dst="2001:db8::2") / TCP(sport=4000, dport=443) / b"abcdefgh"
SNAPPED = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP()
DATA: dict[str, Any] = {
    "type": 2,
    "addr1": "02:00:00:00:00:01",
    "addr2": "02:00:00:00:00:02",
    "addr3": "02:00:00:00:00:03",
}


def _udp(port: int) -> Any:
    return UDP(sport=50000, dport=port)


def test_ipv4() -> None:
    frame = bytes(ETHER / V4) + b"padding"
    packet = decode(frame, 14)
    assert packet == Packet(
        4,
        6,
        socket.inet_aton("10.1.2.3"),
        socket.inet_aton("192.0.2.7"),
        61,
        77,
        34,
        len(frame) - 7,
        missing=0,
        fragment=None,
    )


def test_ipv4_with_options() -> None:
    frame = bytes(IP(options=[IPOption_RR(routers=["1.2.3.4"])]) / UDP() / b"abc")
    packet = decode(frame)
    assert frame[packet.begin : packet.end] == frame[-11:]


def test_ipv4_without_a_length() -> None:
    frame = bytes(IP(len=0) / TCP() / bytes(3000))
    packet = decode(frame)
    assert (packet.begin, packet.end, packet.missing) == (20, len(frame), 0)


def test_ipv4_cut_by_the_snap_length() -> None:
    packet = decode(bytes(V4)[:40])
    assert (packet.begin, packet.end, bool(packet.missing)) == (20, 40, True)


def test_ipv4_fragment() -> None:
    packet = decode(bytes(IP(flags="MF", frag=3, id=9) / bytes(24)))
    assert packet.fragment == Fragment(24, more=True, identification=9)
    assert decode(bytes(IP(flags="DF"))).fragment is None


def test_ipv4_with_authentication() -> None:
    packet = decode(bytes(IP() / AH(nh=17, payloadlen=4, icv=bytes(12)) / UDP()))
    assert (packet.protocol, packet.begin) == (17, 44)


def test_ipv6() -> None:
    frame = bytes(ETHER / V6) + b"padding"
    packet = decode(frame, 14)
    source, destination = (socket.inet_pton(socket.AF_INET6, address) for address in ("2001:db8::1", "2001:db8::2"))
    assert packet == Packet(6, 6, source, destination, 61, None, 54, len(frame) - 7, missing=0, fragment=None)


def test_ipv6_extension_headers() -> None:
    made = (
        IPv6()
        / IPv6ExtHdrHopByHop()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrRouting(addresses=["::1"])
        / AH(nh=44, payloadlen=4, icv=bytes(12))
    )
    frame = bytes(made / IPv6ExtHdrFragment() / UDP() / b"abc")
    packet = decode(frame)
    assert (packet.protocol, frame[packet.begin : packet.end], packet.fragment) == (17, frame[-11:], None)


def test_ipv6_mobility_header() -> None:
    packet = decode(bytes(IPv6(nh=135) / b"\x11\0\0\0\0\0\0\0" / UDP()))
    assert (packet.protocol, packet.begin) == (17, 48)


def test_ipv6_fragment() -> None:
    packet = decode(bytes(IPv6() / IPv6ExtHdrFragment(offset=3, m=1, id=0x01020304, nh=17) / bytes(24)))
    assert (packet.protocol, packet.fragment, packet.begin) == (
        17,
        Fragment(24, more=True, identification=0x01020304),
        48,
    )


def test_ipv6_jumbogram() -> None:
    frame = bytes(IPv6(plen=0, nh=0) / b"\x06\0\xc2\4\0\1\0\0" / TCP() / bytes(65536))
    packet = decode(frame)
    assert (packet.protocol, packet.begin, packet.end) == (6, 48, len(frame))
    assert decode(bytes(IPv6(plen=0, nh=59)) + bytes(6)).end == 40


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (b"", Truncated),
        (bytes(20), Malformed),
        (bytes(V4)[:19], Truncated),
        (bytes(V6)[:39], Truncated),
        (b"\x44" + bytes(V4)[1:], Malformed),
        (b"\x4f" + bytes(V4)[1:40], Truncated),
        (bytes(IP(len=19)), Malformed),
        (b"\x50" + bytes(40), Malformed),
        (bytes(IPv6(nh=0, plen=4)) + bytes(4), Truncated),
        (bytes(IPv6(nh=0, plen=8)) + b"\x06\xff" + bytes(6), Truncated),
    ],
)
def test_what_is_no_packet(frame: bytes, error: type[Malformed]) -> None:
    with pytest.raises(Malformed) as raised:
        decode(frame)
    assert raised.type is error


def test_too_many_extension_headers() -> None:
    with pytest.raises(Malformed, match="more than"):
        decode(bytes(IPv6(nh=60) / ((b"\x3c" + bytes(7)) * 100)))


_WCCP = b"\0\0\0\0"
_ERSPAN1 = GRE(proto=0x88BE) / ERSPAN_I()
_ERSPAN2 = GRE(proto=0x88BE, seqnum_present=1) / ERSPAN_II(ver=1)
_ERSPAN3 = GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III(ver=2)
_L2TP = L2TP(hdr=["length"]) / HDLC() / PPP()
_GTP = GTP_U_Header(gtp_type=255, teid=9)
_SESSION = GTP_U_Header(gtp_type=255, teid=9, E=1, next_ex=0x85) / GTPPDUSessionContainer(ExtHdrLen=1, type=1, QFI=1)
_RADIO = bytes.fromhex("0010030000000000")
_SWAPPED = bytes(Dot11(**DATA) / SNAPPED / V4)

CASES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "gre": (OUTER / GRE() / V4, ("gre",)),
    "gre v6 with all fields": (OUTER / GRE(chksum_present=1, key_present=1, seqnum_present=1) / V6, ("gre",)),
    "gre over v6": (OUTER6 / GRE() / V4, ("gre",)),
    "gre bridging": (OUTER / GRE(proto=0x6558) / ETHER / V4, ("gre",)),
    "gre mpls": (OUTER / GRE(proto=0x8847) / MPLS(s=1) / V4, ("gre", "mpls")),
    "wccp": (OUTER / GRE(proto=0x883E) / _WCCP / V4, ("gre",)),
    "wccp 1": (OUTER / GRE(proto=0x883E) / V4, ("gre",)),
    "nvgre": (OUTER / GRE(proto=0x6558, key_present=1, key=0x123400) / ETHER / V6, ("nvgre",)),
    "erspan 1": (OUTER / _ERSPAN1 / ETHER / V4, ("erspan",)),
    "erspan 2": (OUTER / _ERSPAN2 / ETHER / V4, ("erspan",)),
    "erspan 3": (OUTER / _ERSPAN3 / ETHER / V4, ("erspan",)),
    "erspan 3 of ip": (OUTER / GRE(proto=0x22EB, seqnum_present=1) / b"\x20\0\0\0\0\0\0\0\0\0\x08\0" / V4, ("erspan",)),
    "erspan 3 and more": (OUTER / GRE(proto=0x22EB) / (b"\x20" + bytes(10) + b"\1" + bytes(8)) / ETHER / V4, ("erspan",)),
    "pptp": (OUTER / GRE_PPTP(seqnum_present=1, acknum_present=1) / HDLC() / PPP() / V4, ("pptp",)),
    "pptp without ack": (OUTER / GRE_PPTP(seqnum_present=1) / b"\x21" / V4, ("pptp",)),
    "ipip": (OUTER / V4, ("ipip",)),
    "6in4": (OUTER / V6, ("6in4",)),
    "4in6": (OUTER6 / V4, ("4in6",)),
    "6in6": (OUTER6 / V6, ("ipip",)),
    "4in6 with an option": (OUTER6 / IPv6ExtHdrDestOpt(nh=4) / V4, ("4in6",)),
    "etherip": (OUTER / EtherIP() / ETHER / V4, ("etherip",)),
    "mpls in ip": (ETHER / IP(proto=137) / MPLS(s=1) / V4, ("mpls",)),
    "vxlan": (OUTER / _udp(4789) / b"\x08\0\0\0\0\0\7\0" / ETHER / V4, ("vxlan",)),
    "vxlan of linux": (OUTER / _udp(8472) / b"\x08\0\0\0\0\0\7\0" / ETHER / V6, ("vxlan",)),
    "vxlan with a policy": (OUTER / _udp(4789) / b"\x88\0\0\5\0\0\7\0" / ETHER / V4, ("vxlan",)),
    "vxlan of scapy": (OUTER / _udp(4789) / VXLAN(vni=7) / ETHER / V4, ("vxlan",)),
    "vxlan over v6": (OUTER6 / _udp(4789) / VXLAN(vni=7) / ETHER / V4, ("vxlan",)),
    "vxlan-gpe": (OUTER / _udp(4790) / VXLAN(vni=7, flags=0xC, NextProtocol=1) / V4, ("vxlan",)),
    "vxlan-gpe v6": (OUTER / _udp(4790) / VXLAN(vni=7, flags=0xC, NextProtocol=2) / V6, ("vxlan",)),
    "vxlan-gpe mpls": (OUTER / _udp(4790) / b"\x0c\0\0\5\0\0\7\0" / MPLS(s=1) / V6, ("vxlan", "mpls")),
    "geneve": (OUTER / _udp(6081) / GENEVE(vni=7) / ETHER / V4, ("geneve",)),
    "geneve ip": (OUTER / _udp(6081) / GENEVE(vni=7, proto=0x86DD) / V6, ("geneve",)),
    "geneve options": (OUTER / _udp(6081) / b"\x02\0\x65\x58\0\0\7\0\1\2\3\1\0\0\0\0" / ETHER / V4, ("geneve",)),
    "teredo": (OUTER / _udp(3544) / TEREDO, ("teredo",)),
    "teredo with both": (OUTER / _udp(3544) / (b"\0\1\0\0" + bytes(9) + b"\0\0\1\2\3\4\5\6") / TEREDO, ("teredo",)),
    "gtp": (OUTER / _udp(2152) / _GTP / V4, ("gtp",)),
    "gtp numbered": (OUTER / _udp(2152) / GTP_U_Header(gtp_type=255, teid=9, S=1, seq=5) / V6, ("gtp",)),
    "gtp session": (OUTER / _udp(2152) / _SESSION / V4, ("gtp",)),
    "mpls in udp": (OUTER / _udp(6635) / MPLS(s=0) / MPLS(s=1) / V4, ("mpls",)),
    "capwap": (OUTER / _udp(5247) / bytes.fromhex("0010020000000000") / ETHER / V4, ("capwap",)),
    "capwap native": (OUTER / _udp(5247) / _RADIO / Dot11(**DATA) / SNAPPED / V4, ("capwap",)),
    "capwap swapped": (OUTER / _udp(5247) / _RADIO / (_SWAPPED[1::-1] + _SWAPPED[2:]), ("capwap",)),
    "l2tp": (OUTER / _udp(1701) / _L2TP / V4, ("l2tp",)),
    "l2tp plain": (OUTER / _udp(1701) / b"\0\2\0\1\0\2" / HDLC() / PPP() / V4, ("l2tp",)),
    "l2tp numbered, offset": (OUTER / _udp(1701) / b"\x0a\2\0\1\0\2\0\1\0\2\0\3abc" / PPP(proto=0x57) / V6, ("l2tp",)),
    "vxlan, gre, 6in4": (OUTER / _udp(4789) / VXLAN() / OUTER / GRE() / IP() / V6, ("vxlan", "gre", "6in4")),
    "mpls, gtp, ipip": (ETHER / MPLS(s=1) / IP() / _udp(2152) / _GTP / IP() / V4, ("mpls", "gtp", "ipip")),
    "pppoe, l2tp": (ETHER / PPPoE() / PPP() / IP() / _udp(1701) / _L2TP / V4, ("pppoe", "l2tp")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_packet_in_a_tunnel(case: str) -> None:
    made, tunnel = CASES[case]
    found = Unwrapper().unwrap(0.0, 1, bytes(made) + b"padding")
    assert found is not None
    packet, data, vlan, names = found
    assert (names, vlan) == (tunnel, ())
    assert packet.protocol == 6
    assert data[packet.begin : packet.end] in {bytes(made[TCP]) for made in (V4, V6, TEREDO)}
    assert packet.source in {decode(bytes(made)).source for made in (V4, V6, TEREDO)}


def test_vlan_ids_on_the_way() -> None:
    made = Ether() / Dot1Q(vlan=5) / IP() / _udp(4789) / VXLAN() / ETHER / Dot1Q(vlan=6) / Dot1Q(vlan=7) / V4
    found = Unwrapper().unwrap(0.0, 1, bytes(made))
    assert found is not None
    assert found[2:] == ((5, 6, 7), ("vxlan",))


def test_depth_is_bounded() -> None:
    made: Any = V4
    for _ in range(TUNNEL_LIMIT + 5):
        made = IP(src="10.9.9.1", dst="10.9.9.2") / made
    found = Unwrapper().unwrap(0.0, 101, bytes(made))
    assert found is not None
    assert (found[3], found[0].protocol) == (("ipip",) * TUNNEL_LIMIT, 4)


OTHERS: dict[str, Any] = {
    "dns on vxlan's port": OUTER / _udp(4789) / bytes.fromhex("08000100000100000000000003777777076578616d706c65"),
    "vxlan with arp": OUTER / _udp(4789) / VXLAN() / ETHER / ARP(),
    "vxlan cut short": OUTER / _udp(4789) / b"\x08\0\0\0",
    "gtp echo": OUTER / _udp(2152) / GTP_U_Header(gtp_type=1),
    "gtp of another length": OUTER / _udp(2152) / GTP_U_Header(gtp_type=255, length=9) / V4,
    "gtp extension of no length": OUTER / _udp(2152) / b"\x34\xff\0\x1c\0\0\0\1\0\0\0\x85\0" / bytes(23),
    "geneve control": OUTER / _udp(6081) / GENEVE(critical=0, oam=1) / ETHER / V4,
    "teredo of another length": OUTER / _udp(3544) / (bytes(TEREDO) + b"x"),
    "ipv6 on teredo's port": OUTER / _udp(3544) / V6,
    "l2tp control": OUTER / _udp(1701) / b"\xc8\2\0\x0c\0\0\0\0\0\0\0\0",
    "capwap control": OUTER / _udp(5247) / b"\1" / bytes(40),
    "capwap fragment": OUTER / _udp(5247) / bytes.fromhex("0010028000000000") / ETHER / V4,
    "wrong udp length": OUTER / UDP(sport=1, dport=4789, len=4) / VXLAN() / ETHER / V4,
    "gre routed": OUTER / GRE(routing_present=1) / V4,
    "gre keepalive": OUTER / GRE(proto=0),
    "pptp without number": OUTER / GRE_PPTP(acknum_present=1),
    "ipip with nothing": OUTER / IP(proto=4) / b"\x60",
    "esp": ETHER / IP(proto=50) / bytes(40),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_traffic_stays_as_it_is(case: str) -> None:
    frame = bytes(OTHERS[case])
    found = Unwrapper().unwrap(0.0, 1, frame)
    assert found is not None
    packet, data, _, tunnel = found
    assert data == frame
    if case != "ipip with nothing":
        assert (packet, tunnel) == (decode(frame, 14), ())


def test_a_tunnel_cut_by_the_snap_length() -> None:
    for made in (OUTER / _udp(2152) / _GTP / V4, OUTER / _udp(3544) / TEREDO, OUTER / _udp(1701) / _L2TP / V4):
        found = Unwrapper().unwrap(0.0, 1, bytes(made)[:-5])
        assert found is not None
        assert (found[0].protocol, bool(found[0].missing)) == (6, True)


def test_fragments_around_and_inside_of_a_tunnel() -> None:
    within = bytes(IP(src="10.1.2.3", dst="192.0.2.7", id=5) / UDP(sport=4000, dport=53) / bytes(range(256)))
    pieces = [
        bytes(IP(src="10.1.2.3", dst="192.0.2.7", id=5, proto=17, flags="MF", ttl=9) / within[20:164]),
        bytes(IP(src="10.1.2.3", dst="192.0.2.7", id=5, proto=17, frag=18) / within[164:]),
    ]
    unwrapper = Unwrapper()
    found: list[Any] = []
    for number, piece in enumerate(pieces):
        tunnelled = bytes(
            UDP(sport=50000, dport=4789) / b"\x08\0\0\0\0\0\7\0" / ETHER / Dot1Q(vlan=8, type=0x800) / piece
        )
        outer: dict[str, Any] = {"src": "10.9.9.1", "dst": "10.9.9.2", "id": number, "proto": 17}
        found += [
            unwrapper.unwrap(0.0, 1, bytes(ETHER / IP(**outer, frag=8) / tunnelled[64:])),
            unwrapper.unwrap(0.0, 1, bytes(ETHER / IP(**outer, flags="MF") / tunnelled[:64])),
        ]
    assert found[:3] == [None] * 3
    packet, data, vlan, tunnel = found[3]
    assert (packet.protocol, packet.ttl, packet.fragment, vlan, tunnel) == (17, 9, None, (8,), ("vxlan",))
    assert data[packet.begin : packet.end] == within[20:]
    assert len(unwrapper.fragments) == 0


def test_ipv6_options_behind_the_fragment_header() -> None:
    whole = bytes(IPv6ExtHdrDestOpt(nh=17) / UDP() / bytes(100))
    head = IPv6(src="2001:db8::1", dst="2001:db8::2")
    unwrapper = Unwrapper()
    assert unwrapper.unwrap(0.0, 101, bytes(head / IPv6ExtHdrFragment(nh=60, m=1) / whole[:64])) is None
    found = unwrapper.unwrap(0.0, 101, bytes(head / IPv6ExtHdrFragment(nh=60, offset=8) / whole[64:]))
    assert found is not None
    assert (found[0].protocol, found[0].begin, found[1]) == (17, 8, whole)


def _unwrapped(unwrapper: Unwrapper, link_type: int, frame: bytes) -> None:
    try:
        found = unwrapper.unwrap(0.0, link_type, frame)
    except Malformed:
        return
    if found is not None:
        packet, data, _, _ = found
        assert 0 <= packet.begin <= packet.end <= len(data)


@given(st.sampled_from([1, 101, 113]), st.binary(max_size=200), st.sampled_from([b"", b"\x45\0", b"\x60\0\0\0"]))
def test_random_bytes_end_in_a_value_or_our_error(link_type: int, frame: bytes, begin: bytes) -> None:
    _unwrapped(Unwrapper(), link_type, begin + frame)
    _unwrapped(Unwrapper(), 1, bytes(OUTER / _udp(4789) / frame))
    try:
        packet = decode(begin + frame)
    except Malformed:
        return
    assert 0 <= packet.begin <= packet.end <= len(begin + frame)


FRAMES = [bytes(made) for made, _ in CASES.values()]


@given(
    st.sampled_from(FRAMES),
    st.lists(st.tuples(st.integers(12, 120), st.integers(0, 255)), max_size=5),
    st.integers(0, 200),
)
def test_mutated_frames_end_in_a_value_or_our_error(frame: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    changed = bytearray(frame)
    for at, value in changes:
        changed[at % len(changed)] = value
    unwrapper = Unwrapper()
    _unwrapped(unwrapper, 1, bytes(changed))
    _unwrapped(unwrapper, 1, bytes(changed[:cut]))


@given(
    st.sampled_from([4, 17, 41, 47, 97, 137]),
    st.binary(max_size=120),
    st.sampled_from([1701, 2152, 3544, 4789, 5247, 6081, 6635]),
)
def test_random_tunnels_end_in_a_value(protocol: int, payload: bytes, port: int) -> None:
    if protocol == 17:
        payload = struct.pack(">HHHH", 50000, port, len(payload) + 8, 0) + payload
    packet = Packet(4, protocol, bytes(4), bytes(4), 1, 1, 0, len(payload), missing=0, fragment=None)
    found = inner(packet, payload)
    assert found is None or 0 <= found[0] < len(payload)


def _by_scapy(layer: Any) -> Iterator[tuple[str, str]]:
    while layer:
        # what an error quotes is no packet of its own
        if isinstance(layer, (IPerror, IPerror6)):
            return
        if isinstance(layer, (IP, IPv6)):
            yield layer.src, layer.dst
        layer = layer.payload


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="no captures here")
@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURES.glob("*.pcap*")) if CAPTURES.is_dir() else [])
def test_captures_have_the_addresses_that_scapy_sees(name: str) -> None:
    path = CAPTURES / name
    unwrapper = Unwrapper()
    with path.open("rb") as file, PcapReader(str(path)) as reader:
        for frame, made in zip(Capture(file.read), reader, strict=True):
            addresses = list(_by_scapy(made))
            found = unwrapper.unwrap(frame[0], frame[1], frame[2])
            if found is None:
                assert not addresses or "Fragment" in repr(made.layers()) or made[IP].flags.MF or made[IP].frag
                continue
            packet, _, _, tunnel = found
            if tunnel == ("capwap",):
                # scapy does not know CAPWAP
                assert UDP in made
                continue
            family = socket.AF_INET if packet.family == 4 else socket.AF_INET6
            seen = tuple(socket.inet_ntop(family, address) for address in (packet.source, packet.destination))
            assert seen == addresses[-1]
