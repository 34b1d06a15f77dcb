"""Conversations that are made up, packet by packet, and what is said of them."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.layers.l2 import Ether

from agent.model.requirement import PortNeed, Requirement
from agent.observe.inference import Inference
from agent.wire.dissect import Dissector
from tests.wire.test_tls import answer, hello, record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.outcome import Fate, Outcome

NAME: Final = "api.livechat.com"
NEED: Final = Requirement("livechat", "*.livechat.com", (PortNeed("tcp", 443),), apex=True)
EXACT: Final = Requirement("own", "portal.example.net", (PortNeed("tcp", 443),))
ENDS: Final = {4: ("192.168.7.20", "23.40.1.2", "192.168.7.1"), 6: ("2001:db8:7::20", "2600::7", "2001:db8:7::1")}
"""Client, server and gateway of each family."""
RESOLVER: Final = "192.168.7.1"

Packet = tuple[float, bytes]


class Talk:
    """A conversation between a client and a server, packet by packet."""

    def __init__(  # noqa: PLR0917 - what may differ
        self,
        family: int = 4,
        port: int = 40000,
        begin: float = 1000.0,
        server: str | None = None,
        client: str | None = None,
        dport: int = 443,
    ) -> None:
        self.family = family
        self.client, self.server, self.gateway = ENDS[family]
        self.server = server or self.server
        self.client = client or self.client
        self.port, self.dport = port, dport
        self.at = begin
        self.number = Random(port).randrange(1, 60000)
        self.packets: list[Packet] = []

    def tcp(
        self,
        flags: str,
        seq: int,
        data: bytes = b"",
        *,
        theirs: bool = False,
        ttl: int = 0,
        wait: float = 0.01,
        ack: int = 0,
    ) -> Talk:
        """A segment of the client, or of the server."""
        self.at += wait
        ends = (self.server, self.client) if theirs else (self.client, self.server)
        ports = (self.dport, self.port) if theirs else (self.port, self.dport)
        ack = ack or (101 if theirs else 501)
        self._add(
            self._ip(*ends, ttl or (52 if theirs else 64))
            / TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq, ack=ack)
            / data
        )
        return self

    def opened(self) -> Talk:
        """The handshake of TCP."""
        return self.tcp("S", 100).tcp("SA", 500, theirs=True).tcp("A", 101)

    def said(self, name: str = NAME) -> Talk:
        """The hello."""
        return self.tcp("PA", 101, record(hello(name)))

    def answered(self) -> Talk:
        """The server's hello."""
        return self.tcp("PA", 501, record(answer()), theirs=True)

    def unreachable(self, code: int, source: str | None = None, ttl: int = 64) -> Talk:
        """An ICMP error about the last packet of the client."""
        self.at += 0.01
        quoted = Ether(self.packets[-1][1]).payload
        about = ICMP(type=3, code=code) if self.family == 4 else ICMPv6DestUnreach(code=code)
        self._add(self._ip(source or self.gateway, self.client, ttl) / about / quoted)
        return self

    def udp(
        self,
        port: int,
        data: bytes,
        *,
        theirs: bool = False,
        ttl: int = 64,
        wait: float = 0.01,
        resolver: str = RESOLVER,
    ) -> Talk:
        """A message of the client to its resolver, or back."""
        self.at += wait
        ends = (resolver, self.client) if theirs else (self.client, resolver)
        ports = (53, port) if theirs else (port, 53)
        self._add(self._ip(*ends, ttl) / UDP(sport=ports[0], dport=ports[1]) / data)
        return self

    def ask(self, name: str = NAME, number: int = 7, *, port: int = 5353, kind: str = "A", wait: float = 0.01) -> Talk:
        """A question to the resolver."""
        return self.udp(port, dns.message.make_query(name, kind, id=number).to_wire(), wait=wait)

    def http(self, text: str, seq: int, *, theirs: bool = False, ack: int = 0, ttl: int = 0) -> Talk:
        """The head of a request or of a response; its lines are parted by bars."""
        return self.tcp("PA", seq, text.replace("|", "\r\n").encode() + b"\r\n\r\n", theirs=theirs, ack=ack, ttl=ttl)

    def _ip(self, source: str, target: str, ttl: int) -> IP | IPv6:
        self.number += 1
        if self.family == 4:
            return IP(src=source, dst=target, ttl=ttl, id=self.number % 65535 + 1)
        return IPv6(src=source, dst=target, hlim=ttl)

    def _add(self, packet: IP | IPv6) -> None:
        self.packets.append((self.at, bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet)))


def judged(packets: Iterable[Packet], until: float | None = None) -> list[Outcome]:
    """The outcomes of packets in the order of time."""
    inference = Inference((NEED, EXACT))
    dissector = Dissector(watch=inference)
    found: list[Outcome] = []
    at = 0.0
    for at, frame in packets:
        dissector.take(at, 1, frame)
        found += inference.tick(at)
    return found + inference.finish(until or at + 1)


def fates(packets: Iterable[Packet]) -> list[Fate]:
    return [one.fate for one in judged(packets)]


def well(family: int = 4, port: int = 40000, name: str = NAME, begin: float = 1000.0) -> list[Packet]:
    return Talk(family, port, begin).opened().said(name).answered().packets


def said(
    name: str,
    *records: str,
    number: int = 7,
    rcode: str = "NOERROR",
    soa: str | None = None,
    ede: int | None = None,
    kind: str = "A",
) -> bytes:
    """A response: addresses, a code, the zone that says so, an extended error."""
    query = dns.message.make_query(name, kind, id=number, use_edns=ede is not None)
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(dns.rcode.from_text(rcode))
    for one in records:
        reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, one))
    if soa is not None:
        reply.authority.append(dns.rrset.from_text(soa, 60, "IN", "SOA", "ns.example. admin.example. 1 2 3 4 5"))
    if ede is not None:
        reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode(ede))])
    return reply.to_wire()
