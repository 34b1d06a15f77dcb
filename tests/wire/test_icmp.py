"""ICMP errors agree with scapy about what they quote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)

from agent.errors import Truncated
from agent.model.observation import IcmpError
from agent.wire.icmp import decode

V4 = IP(src="10.0.0.2", dst="192.0.2.1")
V6 = IPv6(src="2001:db8::2", dst="2001:db8::1")


@pytest.mark.parametrize(
    ("kind", "code", "event"), [(3, 13, "unreachable"), (11, 0, "time_exceeded"), (5, 1, "redirect")]
)
def test_v4(kind: int, code: int, event: str) -> None:
    data = bytes(ICMP(type=kind, code=code) / V4 / TCP(sport=40000, dport=443))
    assert decode(data, 4) == IcmpError(event, kind, code, "10.0.0.2", "192.0.2.1", 6, 40000, 443)


def test_v4_with_options_and_only_eight_bytes() -> None:
    quoted = bytes(IP(src="10.0.0.2", dst="192.0.2.1", options=b"\x94\x04\x00\x00") / UDP(sport=5, dport=443))[:32]
    assert decode(b"\x03\x03" + bytes(6) + quoted, 4) == IcmpError(
        "unreachable", 3, 3, "10.0.0.2", "192.0.2.1", 17, 5, 443
    )


def test_a_later_fragment_has_no_ports() -> None:
    quoted = bytes(IP(src="10.0.0.2", dst="192.0.2.1", frag=5, proto=6) / b"12345678")
    found = decode(b"\x03\x03" + bytes(6) + quoted, 4)
    assert found is not None
    assert (found.orig_proto, found.orig_src_port) == (6, None)


def test_v6_behind_extension_headers() -> None:
    inner = V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(offset=0, m=1) / UDP(sport=7, dport=443)
    found = decode(bytes(ICMPv6DestUnreach(code=1) / inner), 6)
    assert found == IcmpError("unreachable", 1, 1, "2001:db8::2", "2001:db8::1", 17, 7, 443)
    later = V6 / IPv6ExtHdrFragment(offset=9, m=1) / b"12345678"
    again = decode(bytes(ICMPv6PacketTooBig() / later), 6)
    assert again is not None
    assert again.orig_src_port is None


def test_what_is_about_no_packet() -> None:
    assert decode(bytes(ICMP(type=8)), 4) is None
    assert decode(bytes(ICMPv6EchoRequest()), 6) is None


def test_a_quote_that_is_cut_off() -> None:
    assert decode(b"\x03\x03" + bytes(6) + b"\x45\x00", 4) == IcmpError(
        "unreachable", 3, 3, None, None, None, None, None
    )
    with pytest.raises(Truncated):
        decode(b"\x03\x03", 4)


@given(st.binary(max_size=100), st.sampled_from([4, 6]))
def test_whatever_comes(data: bytes, family: int) -> None:
    try:
        decode(data, family)
    except Truncated:
        assert len(data) < 8
