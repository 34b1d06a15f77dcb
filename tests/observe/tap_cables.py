"""Clients, a gateway and a server, each in a namespace of its own, for tests that watch real packets."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import dns.message
import dns.query
import dns.rrset

from agent.observe.ring import Ring
from agent.observe.tap_filter import program
from agent.observe.tap_interfaces import Place, Role, links
from tests.kernel.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from agent.observe.ring import Frame

FAR, NEAR = bytes((2, 0, 0, 0, 1, 1)), bytes((2, 0, 0, 0, 0, 1))
QUIET: Final = "for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $f; done"
"""Without IPv6 a new interface says nothing by itself."""


class Cable:
    """``lan0`` in two namespaces, each the other's far end; the near one is watched."""

    def __init__(self) -> None:
        self.far, self.near = Namespace(), Namespace()
        for one in (self.far, self.near):
            one.run(("sh", "-c", f"{QUIET}; ip link set lo up"))
        self.lay()
        with self.far.entered():
            self._sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._sender.bind(("lan0", 0))

    def lay(self) -> None:
        """Make the two ends."""
        mac = [one.hex(":") for one in (FAR, NEAR)]
        self.far.run((
            "ip", "link", "add", "lan0", "address", mac[0], "type", "veth", "peer", "lan0", "address", mac[1],
            "netns", self.near.path,
        ))  # fmt: skip
        for one in (self.far, self.near):
            one.run(("ip", "link", "set", "lan0", "up"))

    def send(self, frames: Iterable[bytes]) -> None:
        """From the far end."""
        for frame in frames:
            self._sender.send(frame)

    def ring(
        self, role: Role = Role.CLIENTS, size: int = 1 << 20, name: str = "lan0", group: int | None = None
    ) -> Ring:
        """Watch an interface at the near end."""
        with self.near.entered():
            link = links()[name]
            return Ring(link, program(Place(link, role)), size=size, group=group)

    def close(self) -> None:
        self._sender.close()
        self.far.close()
        self.near.close()


@contextmanager
def load(laid: Cable, frames: Callable[[], Iterable[bytes]]) -> Iterator[None]:
    """Send these all the while, from another process: a thread would wait for this one."""
    child = os.fork()
    if child == 0:
        try:
            laid.send(frames())
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@contextmanager
def cable() -> Iterator[Cable]:
    made = Cable()
    try:
        yield made
    finally:
        made.close()


def frames_of(ring: Ring, seconds: float = 0.3, most: int = 100_000) -> list[Frame]:
    """What comes until nothing has come for so long; the kernel gives a block after 60 ms at the latest."""
    found: list[Frame] = []
    poll = select.poll()
    poll.register(ring.fileno(), select.POLLIN)
    while len(found) < most and poll.poll(seconds * 1000):
        read = ring.read()
        if not read:
            break
        found += read
    return found


# ---- frames ----


def ethernet(payload: bytes, kind: int = 0x0800, tags: tuple[int, ...] = ()) -> bytes:
    written = b"".join(struct.pack(">HH", 0x8100, tag) for tag in tags)
    return NEAR + FAR + written + struct.pack(">H", kind) + payload


def ipv4(
    protocol: int, payload: bytes, source: str = "192.168.7.20", target: str = "198.51.100.7", ttl: int = 63
) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 7, 0, ttl, protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(target)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack(">H", ~total & 0xFFFF) + head[12:] + payload


def udp(payload: bytes, sport: int = 40000, dport: int = 53) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def fragments(payload: bytes, source: str, cut: int = 24) -> list[bytes]:
    """A datagram in two pieces."""
    whole = ipv4(17, payload, source)
    found = []
    for part, flags in ((payload[:cut], 0x2000), (payload[cut:], cut // 8)):
        found.append(
            whole[:2] + struct.pack(">H", 20 + len(part)) + whole[4:6] + struct.pack(">H", flags) + whole[8:20] + part
        )
    return found


def tcp(payload: bytes, sport: int = 40000, dport: int = 443, flags: int = 0x18, seq: int = 1) -> bytes:
    return struct.pack(">HHIIBBHHH", sport, dport, seq, 1, 0x50, flags, 1000, 0, 0) + payload


def question(name: str, number: int = 1) -> bytes:
    """A query for an address."""
    labels = b"".join(bytes((len(one),)) + one.encode() for one in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


# ---- a router ----

CLIENT, OTHER, OWN, WORLD = "192.168.7.20", "192.168.8.20", "203.0.113.2", "198.51.100.7"
ADDRESSED: Final = {
    "clients": f"ip address add {CLIENT}/24 dev lan0; ip route add default via 192.168.7.1",
    "others": f"ip address add {OTHER}/24 dev lan1; ip route add default via 192.168.8.1",
    "gateway": (
        f"ip address add 192.168.7.1/24 dev lan0; ip address add 192.168.8.1/24 dev lan1; ip address add {OWN}/24 dev wan0;"
        " ip route add default via 203.0.113.1; echo 1 > /proc/sys/net/ipv4/ip_forward"
    ),
    "world": f"ip address add 203.0.113.1/24 dev wan0; ip address add {WORLD}/32 dev lo; ip route add 192.168.0.0/16 via {OWN}",
}  # fmt: skip
MASQUERADE: Final = """
table ip nat {
    chain postrouting { type nat hook postrouting priority srcnat; oifname "wan0" masquerade; }
}
"""


class Router:
    """Clients behind ``lan0``, others behind ``lan1``, the world behind ``wan0``, which answers DNS."""

    def __init__(self, *, nat: bool) -> None:
        self.clients, self.others, self.gateway, self.world = (Namespace() for _ in range(4))
        self.all = {"clients": self.clients, "others": self.others, "gateway": self.gateway, "world": self.world}
        for name, link in (("clients", "lan0"), ("others", "lan1"), ("world", "wan0")):
            self.gateway.run(("ip", "link", "add", link, "type", "veth", "peer", link, "netns", self.all[name].path))
        for name, one in self.all.items():
            one.run((
                "sh", "-euc",
                f"{QUIET}; for link in lo lan0 lan1 wan0; do ip link set $link up 2>/dev/null || :; done; {ADDRESSED[name]}",
            ))  # fmt: skip
        if nat:
            self.gateway.run(("nft", "-f", "-"), MASQUERADE)
        self._ended = threading.Event()
        with self.world.entered():
            self._resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._resolver.bind((WORLD, 53))
            self._resolver.settimeout(0.1)
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                data, source = self._resolver.recvfrom(4096)
                reply = dns.message.make_response(dns.message.from_wire(data))
                reply.answer.append(dns.rrset.from_text(reply.question[0].name, 60, "IN", "A", WORLD))
                self._resolver.sendto(reply.to_wire(), source)

    def ask(self, who: Namespace, name: str, times: int = 1) -> None:
        """Ask the world's resolver for an address, each time from another port."""
        with who.entered():
            for _ in range(times):
                dns.query.udp(dns.message.make_query(name, "A"), WORLD, timeout=5)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._resolver.close()
        for one in self.all.values():
            one.close()


@contextmanager
def router(*, nat: bool) -> Iterator[Router]:
    made = Router(nat=nat)
    try:
        yield made
    finally:
        made.close()
