"""Frames through all layers: what connections say, however their segments come."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from agent.model.observation import ClientHello, Dns, HttpRequest, HttpResponse, Observation, Reset, ServerHello, Via
from agent.wire.dissect import CONNECTION_LIMIT, Dissector
from tests.wire.test_dns import message
from tests.wire.test_quic import crypto, initial
from tests.wire.test_tls import answer, hello, record

OURS, THEIRS = True, False
CLIENT, SERVER = "192.168.7.20", "203.0.113.7"
Step = tuple[bool, int, str, bytes]
"""From the client?, sequence number, flags, data."""


def frame(step: Step, port: int = 443, *, six: bool = False, vlan: bool = False) -> bytes:
    ours, sequence, flags, data = step
    source, destination = (CLIENT, SERVER) if ours else (SERVER, CLIENT)
    network = (
        IPv6(src="2001:db8::1", dst="2001:db8::2")
        if six and ours
        else IPv6(src="2001:db8::2", dst="2001:db8::1")
        if six
        else IP(src=source, dst=destination)
    )
    sport, dport = (40000, port) if ours else (port, 40000)
    link = (
        Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=7)
        if vlan
        else Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    )
    return bytes(link / network / TCP(sport=sport, dport=dport, seq=sequence & 0xFFFFFFFF, ack=1, flags=flags) / data)


def opening() -> list[Step]:
    return [(True, 99, "S", b""), (False, 499, "SA", b""), (True, 100, "A", b"")]


def segments(ours: bool, data: bytes, size: int = 200) -> list[Step]:
    start = 100 if ours else 500
    return [(ours, start + at, "PA", data[at : at + size]) for at in range(0, len(data), size)]


def seen(frames: list[bytes], *, live: bool = False) -> list[Observation]:
    dissector = Dissector(live=live)
    found = [one for number, data in enumerate(frames) for one in dissector.take(float(number), 1, data)]
    return found + dissector.finish(99.0)


def messages(steps: list[Step], port: int = 443, *, live: bool = False) -> list[object]:
    return [one.message for one in seen([frame(step, port) for step in steps], live=live)]


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("vlan", [False, True])
def test_who_says_what_to_whom(six: bool, vlan: bool) -> None:
    steps = [*opening(), *segments(OURS, record(hello())), *segments(THEIRS, record(answer()))]
    first, second = seen([frame(step, six=six, vlan=vlan) for step in steps])
    assert isinstance(first.message, ClientHello)
    assert isinstance(second.message, ServerHello)
    ends = ("2001:db8::1", "2001:db8::2") if six else (CLIENT, SERVER)
    assert (first.src_ip, first.dest_ip, first.src_port, first.dest_port) == (*ends, 40000, 443)
    assert (second.src_ip, second.src_port, second.transport) == (ends[1], 443, "tcp")
    assert first.vlan == ((7,) if vlan else ())


@given(st.integers(), st.integers(20, 400), st.booleans(), st.booleans())
def test_segments_in_any_order_twice_and_without_the_beginning(seed: int, size: int, syn: bool, twice: bool) -> None:
    random = Random(seed)
    data = segments(OURS, record(hello()), size)
    steps = data * (1 + twice)
    random.shuffle(steps)
    if not syn:  # then the first that comes is taken for the first
        steps = [data[0], *steps]
    found = messages([*(opening() if syn else []), *steps])
    assert [one.sni for one in found if isinstance(one, ClientHello)] == ["api.livechat.com"]


def test_a_later_connection_between_the_same_ends() -> None:
    again = [
        (ours, sequence + 5000, flags, data)
        for ours, sequence, flags, data in [*opening(), *segments(OURS, record(hello("b.text.com")))]
    ]
    found = messages([*opening(), *segments(OURS, record(hello())), *again])
    assert [one.sni for one in found if isinstance(one, ClientHello)] == ["api.livechat.com", "b.text.com"]


def test_tls_behind_a_proxys_answer() -> None:
    connect = b"CONNECT api.livechat.com:443 HTTP/1.1\r\nHost: api.livechat.com:443\r\n\r\n"
    agreed = b"HTTP/1.1 200 Connection established\r\n\r\n"
    steps = [
        *opening(),
        *segments(OURS, connect, 999),
        *segments(THEIRS, agreed, 999),
        (True, 100 + len(connect), "PA", record(hello())),
    ]
    asked, answered, greeted = seen([frame(step, 3128) for step in steps])
    assert isinstance(asked.message, HttpRequest)
    assert isinstance(answered.message, HttpResponse)
    assert isinstance(greeted.message, ClientHello)
    assert greeted.via == Via("http-connect", "api.livechat.com:443")


def test_tls_behind_starttls() -> None:
    steps = [
        *opening(),
        *segments(THEIRS, b"220 mail ESMTP\r\n"),
        *segments(OURS, b"EHLO x\r\n"),
        (True, 108, "PA", b"STARTTLS\r\n"),
        (True, 118, "PA", record(hello())),
    ]
    (found,) = seen([frame(step, 25) for step in steps])
    assert found.via == Via("starttls:smtp")


def test_dns_over_tcp_and_on_another_port() -> None:
    wire = message().to_wire()
    framed = len(wire).to_bytes(2, "big") + wire
    assert [type(one) for one in messages([*opening(), *segments(THEIRS, framed * 2, 31)], 53)] == [Dns, Dns]
    datagram = bytes(Ether() / IP(src=CLIENT, dst=SERVER) / UDP(sport=40000, dport=5300) / wire)
    assert [type(one.message) for one in seen([datagram])] == [Dns]


def test_resets_icmp_and_quic() -> None:
    (found,) = messages([(False, 7, "RA", b"")])
    assert found == Reset(64, 1, 7, 1, ack_flag=True)
    quoted = IP(src=CLIENT, dst=SERVER) / UDP(sport=40000, dport=443)
    (error,) = seen([bytes(Ether() / IP(src=SERVER, dst=CLIENT) / ICMP(type=3, code=13) / quoted)])
    assert (error.transport, error.src_port) == (None, None)
    (quic,) = seen(
        [bytes(Ether() / IP(src=CLIENT, dst=SERVER) / UDP(sport=40000, dport=443) / initial(crypto(hello())))]
    )
    assert quic.transport == "udp"


def test_live_does_not_wait_for_what_was_filtered_out() -> None:
    request = b"GET / HTTP/1.1\r\nHost: text.com\r\n\r\n"
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    steps = [*opening(), *segments(OURS, request), *segments(THEIRS, ok), (False, 500 + len(ok) + 100_000, "PA", ok)]
    assert len(messages(steps, 80, live=True)) == 3


def test_what_the_snap_length_cut_off_is_not_waited_for() -> None:
    whole = frame((False, 500, "PA", b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + bytes(2000)), 80)
    second = frame((False, 500 + 41 + 2000, "PA", b"HTTP/1.1 404 Not Found\r\n\r\n"), 80)
    found = [one.message for one in seen([*(frame(step, 80) for step in opening()), whole[:200], second])]
    assert [one.status for one in found if isinstance(one, HttpResponse)] == [200, 404]


def test_a_flood_of_connections_is_bounded() -> None:
    dissector = Dissector()
    raw = bytearray(frame((True, 100, "PA", b"x" * 20)))
    for number in range(CONNECTION_LIMIT + 1000):
        raw[34:36] = (number & 0xFFFF).to_bytes(2, "big")
        raw[29] = number >> 16
        dissector.take(0.0, 1, bytes(raw))
    assert len(dissector._connections) <= CONNECTION_LIMIT


@given(st.lists(st.binary(max_size=90), max_size=10), st.integers(0, 3))
def test_whatever_comes(frames: list[bytes], kind: int) -> None:
    head = [b"", frame(opening()[0])[:54], frame(opening()[0])[:34], frame(opening()[0])[:14]][kind]
    seen([head + one for one in frames])
