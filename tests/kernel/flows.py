"""The flows that go through the kernel and through ``trace``: seeded, from a small pool of addresses.

Rulesets draw from the same pool, so that rules hit. Every flow has its own five-tuple.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from tests.kernel.topology import ADDRESSES, LANS, LINKS

if TYPE_CHECKING:
    from random import Random

TCP, UDP, ICMP, ICMPV6, GRE, ESP, SCTP = 6, 17, 1, 58, 47, 50, 132
PROTOCOL_NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6", GRE: "gre", ESP: "esp", SCTP: "sctp"}
WITH_PORTS = (TCP, UDP, SCTP)
FLAG_BITS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128}

CLIENTS = {
    (4, "lan0"): ("192.168.7.10", "192.168.7.20", "192.168.7.130"),
    (4, "lan1"): ("192.168.8.10", "192.168.8.200"),
    (6, "lan0"): ("fd07:7::10", "fd07:7::20", "fd07:7::8000"),
    (6, "lan1"): ("fd07:8::10", "fd07:8::200"),
}
SERVERS = {
    4: (
        "23.40.1.2", "23.63.255.255", "23.31.255.255", "23.32.0.0", "104.16.7.7", "104.31.255.255", "104.32.0.0",
        "93.184.216.34", "8.8.8.8",
    ),
    6: (
        "2600:1400:1::7", "2600:14ff:ffff:ffff:ffff:ffff:ffff:ffff", "2606:4700::6810:707", "2606:4700:ffff::1",
        "2a00:1450::1", "2001:4860::8888",
    ),
}  # fmt: skip
NOWHERE = {4: ("192.0.2.5", "192.0.2.200"), 6: ("2001:db8:dead::5", "2001:db8:dead:8000::5")}
"""Destinations with an ``unreachable`` and a ``blackhole`` route."""
OWN = {
    4: {link: ADDRESSES[link][0].split("/")[0] for link in LINKS},
    6: {link: ADDRESSES[link][1].split("/")[0] for link in LINKS},
}
PORTS = (22, 53, 80, 443, 5222, 8080)
SOURCE_PORTS = (53, 123, 1024, 40000, 65535)
FIRST_SPORT = 20000

TCP_STATES: tuple[tuple[tuple[str, ...], str, int], ...] = (
    # flags of a first packet, what conntrack calls it (nf_conntrack_proto_tcp.c, tcp_conntracks), weight
    (("syn",), "new", 16),
    (("ack",), "new", 2),  # tcp_loose
    (("syn", "ece", "cwr"), "new", 2),
    (("psh", "ack"), "new", 1),
    (("syn", "ack"), "invalid", 1),
    (("fin", "ack"), "invalid", 1),
    (("rst",), "invalid", 1),
    (("syn", "fin"), "invalid", 1),
    ((), "invalid", 1),
)
ICMP_STATES = ((8, "new", 5), (0, "invalid", 1), (3, "invalid", 1), (13, "new", 1))
ICMPV6_STATES = ((128, "new", 5), (129, "invalid", 1), (1, "invalid", 1), (133, "untracked", 1))


@dataclass(frozen=True, slots=True)
class Probe:
    """One packet to send, in the words of ``gateproof trace``.

    ``state`` says what conntrack will think of it; for established and related the harness makes the entry.
    """

    family: int
    src: str
    dst: str
    proto: int
    in_iface: str | None
    sport: int = 0
    dport: int = 0
    tcp_flags: tuple[str, ...] = ()
    icmp_type: int = 0
    icmp_code: int = 0
    state: str = "new"
    reply: bool = False

    def as_json(self) -> dict[str, Any]:
        """The flow as DESIGN.md defines it."""
        out: dict[str, Any] = {"src": self.src, "dst": self.dst, "proto": PROTOCOL_NAMES[self.proto]}
        if self.in_iface:
            out["in_iface"] = self.in_iface
        if self.proto in WITH_PORTS:
            out |= {"sport": self.sport, "dport": self.dport}
        if self.proto == TCP:
            out["tcp_flags"] = list(self.tcp_flags)
        if self.proto in (ICMP, ICMPV6):
            out |= {"icmp_type": self.icmp_type, "icmp_code": self.icmp_code}
        out["ct_state"] = self.state
        if self.reply:
            out["ct_direction"] = "reply"
        return out

    @property
    def tuple(self) -> frozenset[tuple[str, int]]:
        """What no two flows may share, or conntrack would take them for one.

        The ports, whichever the direction; of protocols without ports one flow in all, because source NAT
        cannot tell two apart and drops the second. ICMP has an identifier of its own for each flow.
        """
        if self.proto in (GRE, ESP):
            return frozenset({("family", self.family), ("protocol", self.proto)})
        return frozenset({(self.src, self.sport), (self.dst, self.dport), ("protocol", self.proto)})

    @property
    def silent_reject(self) -> bool:
        """Whether the kernel rejects such a packet without an answer (KERNEL-FACTS 11)."""
        if self.proto == ICMP:
            return self.icmp_type in (3, 4, 5, 11, 12)
        return (self.proto == ICMPV6 and self.icmp_type < 128) or "rst" in self.tcp_flags


def flows(random: Random, families: tuple[int, ...], count: int = 32, *, established: bool = True) -> list[Probe]:
    """Give ``count`` flows with different five-tuples."""
    out: list[Probe] = []
    seen: set[frozenset[tuple[str, int]]] = set()
    while len(out) < count:
        family = random.choice(families)
        probe = _flow(random, family, FIRST_SPORT + len(out), established=established)
        icmp = probe.proto in (ICMP, ICMPV6)
        if icmp or probe.tuple not in seen:
            out.append(probe)
            seen.add(probe.tuple)
    return out


def _flow(random: Random, family: int, sport: int, *, established: bool) -> Probe:
    way = random.choices(("out", "in", "to-host", "from-host", "between"), (16, 4, 4, 4, 2))[0]
    in_iface, src, dst = _ends(random, family, way)
    proto = random.choices((TCP, UDP, ICMP if family == 4 else ICMPV6, GRE, ESP, SCTP), (12, 6, 4, 1, 1, 1))[0]
    ports = proto in WITH_PORTS
    if ports:
        sport = random.choice(SOURCE_PORTS) if random.random() < 0.15 else sport
        dport = random.choice(PORTS) if random.random() < 0.85 else random.randint(1, 65535)
    else:
        sport = dport = 0
    probe = Probe(family, src, dst, proto, in_iface, sport, dport)
    if established and dst not in NOWHERE[family] and random.random() < 0.18:
        made = _followed(random, probe, way)
        if made is not None:
            return made
    return _first(random, probe)


def _ends(random: Random, family: int, way: str) -> tuple[str | None, str, str]:
    lan = random.choices(LANS, (3, 1))[0]
    wan = random.choices(("wan0", "wan1"), (3, 1))[0]
    client = random.choice(CLIENTS[family, lan])
    server = random.choice(SERVERS[family])
    if way == "out":
        if random.random() < 0.04:
            return lan, client, random.choice(NOWHERE[family])
        return lan, client, server
    if way == "in":
        return wan, server, client
    if way == "between":
        other = "lan1" if lan == "lan0" else "lan0"
        return lan, client, random.choice(CLIENTS[family, other])
    if way == "to-host":
        link, source = (lan, client) if random.random() < 0.7 else (wan, server)
        return link, source, OWN[family][link if random.random() < 0.8 else random.choice(LINKS)]
    if random.random() < 0.3:
        return None, OWN[family][lan], client
    if random.random() < 0.1:
        return None, OWN[family]["wan0"], OWN[family][lan]
    return None, OWN[family]["wan0"], server


def _first(random: Random, probe: Probe) -> Probe:
    """A packet of which no connection is known yet."""
    if probe.proto == TCP:
        flags, state, _ = random.choices(TCP_STATES, [weight for *_, weight in TCP_STATES])[0]
        return replace(probe, tcp_flags=flags, state=state)
    if probe.proto in (ICMP, ICMPV6):
        table = ICMP_STATES if probe.proto == ICMP else ICMPV6_STATES
        kind, state, _ = random.choices(table, [weight for *_, weight in table])[0]
        return replace(probe, icmp_type=kind, state=state)
    return probe


def _followed(random: Random, probe: Probe, way: str) -> Probe | None:
    """A packet of a connection that has seen both directions, or an error about one."""
    if probe.proto not in (TCP, UDP, ICMP, ICMPV6):
        return None
    host = way in ("to-host", "from-host")
    if host and probe.proto == TCP:  # the host's own TCP would answer, and end the connection
        return None
    if way == "from-host" and probe.dst in OWN[probe.family].values():
        return None
    if random.random() < 0.15 and not host:
        return replace(_error_about(probe), state="related", reply=True)
    reply = random.random() < 0.6
    if probe.proto in (ICMP, ICMPV6):
        request, answer = (8, 0) if probe.proto == ICMP else (128, 129)
        probe = replace(probe, icmp_type=answer if reply else request)
    if probe.proto == TCP:
        flags = random.choices((("ack",), ("psh", "ack"), ("fin", "ack"), ("rst", "ack")), (6, 2, 2, 1))[0]
        probe = replace(probe, tcp_flags=flags)
    if reply:
        probe = turned(probe)
    return replace(probe, state="established", reply=reply)


def _error_about(probe: Probe) -> Probe:
    """Time exceeded, sent by the server, about a packet of the client."""
    proto, kind = (ICMP, 11) if probe.family == 4 else (ICMPV6, 3)
    return replace(turned(probe), proto=proto, icmp_type=kind, sport=0, dport=0, tcp_flags=())


def turned(probe: Probe) -> Probe:
    """The same connection seen from the other end, coming in where that end is."""
    return replace(
        probe,
        src=probe.dst,
        dst=probe.src,
        sport=probe.dport,
        dport=probe.sport,
        in_iface=link_of(probe.dst, probe.family),
    )


def link_of(address: str, family: int) -> str | None:
    """Say behind which link an address is; None for the gateway's own."""
    if address in OWN[family].values():
        return None
    where = ip_address(address)
    for link in LANS:
        if where in ip_network(ADDRESSES[link][family == 6], strict=False):
            return link
    behind_wan1 = ip_network("23.32.0.0/11" if family == 4 else "2600:1400::/24")
    return "wan1" if where in behind_wan1 else "wan0"
