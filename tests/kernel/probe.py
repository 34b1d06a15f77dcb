"""Sends flows through a gateway and says what the kernel did with each.

A packet socket on each far end shows what left. A packet log in the gateway, in front of everything at the
output hook and behind everything at the input hook, shows refusals that output rules would swallow, and what
was delivered to the gateway itself. It cannot change a verdict: it only logs.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.kernel.flows import ICMP, ICMPV6, TCP, UDP, turned
from tests.kernel.frames import ETHERTYPE, TAG_BITS, Sighting, error_about, packet, payload_of, sighting
from tests.kernel.iptables_rulesets import HOOKS
from tests.kernel.netlink import INPUT, Conntrack, PacketLog
from tests.kernel.netns import ProgramFailed
from tests.kernel.topology import FAR_MAC, LINKS, MAC, Topology, build

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.kernel.flows import Probe

LOG_GROUP = 7
WATCH = f"""\
table inet gpwatch {{
  chain before {{
    type filter hook output priority -1000
    log group {LOG_GROUP} queue-threshold 1
  }}
  chain after {{
    type filter hook input priority 10000
    ct state new counter
    log group {LOG_GROUP} queue-threshold 1
  }}
}}
"""
"""Also keeps connection tracking on while no ruleset is loaded, by reading the state."""

EMPTY_TABLES = "".join(
    f"*{table}\n" + "".join(f":{hook} ACCEPT\n" for hook in hooks) + "COMMIT\n" for table, hooks in HOOKS.items()
)
ALL_PROTOCOLS = 3  # ETH_P_ALL
SENTINEL = 0x88B5  # IEEE 802 local experimental: nothing filters it, nothing answers
MAX_TRIES = 200
ANSWERS = 1 << 16
"""Tags of answers begin here."""
HOPS = 6
"""How often a packet can be queued on its way: in, by the loopback, out, and as much for an answer."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What the kernel did: ``accept``, ``drop`` or ``reject``; accepted ones left by ``iface`` or were ``local``."""

    verdict: str
    local: bool = False
    iface: str = ""
    dst: str = ""
    dport: int | None = None
    src: str = ""
    sport: int | None = None
    """Addresses and ports as they were seen there."""


class Laboratory:
    """A topology with its sockets open; use it for many rulesets. Pins the process to one processor."""

    def __init__(self) -> None:
        # on one processor, packets of one backlog are handled in order: the sentinel comes last; each worker of pytest
        # has another, or all would share the first
        self._processors = os.sched_getaffinity(0)
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        os.sched_setaffinity(0, {sorted(self._processors)[worker % len(self._processors)]})
        self.topology: Topology = build()
        self.gateway = self.topology.gateway
        self._far = {link: _packet_socket(self.topology, link) for link in LINKS}
        with self.gateway.entered():
            self._arrived = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(SENTINEL))
            self._own = {
                4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
                6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
            }
        self._log = PacketLog(self.gateway, LOG_GROUP)
        self._conntrack = Conntrack(self.gateway)
        self._legacy = self._sets = False

    def close(self) -> None:
        """Close all sockets and take the namespaces down."""
        for opened in (*self._far.values(), *self._own.values(), self._arrived):
            opened.close()
        self._log.close()
        self._conntrack.close()
        self.topology.close()
        os.sched_setaffinity(0, self._processors)

    def watch(self) -> None:
        """Load the packet log and nothing else, and forget all connections."""
        self.gateway.run(("nft", "-f", "-"), f"flush ruleset\n{WATCH}")
        if self._legacy:
            for program in ("iptables-legacy-restore", "ip6tables-legacy-restore"):
                self.gateway.run((program,), EMPTY_TABLES)
        if self._sets:
            self._destroy_sets()
        self._legacy = self._sets = False
        self._conntrack.flush()

    def _destroy_sets(self) -> None:
        """Rules of nftables let go of their sets a moment after they are gone."""
        self.gateway.run(("ipset", "flush"))  # lists let go of their members
        for _ in range(MAX_TRIES):
            try:
                self.gateway.run(("ipset", "destroy"))
            except ProgramFailed:
                time.sleep(0.01)
            else:
                return
        raise ProgramFailed("ipset destroy: sets are still in use")

    def load(self, argv: tuple[str, ...], text: str) -> None:
        """Run a program that loads rules; what it leaves is taken away by the next :meth:`watch`."""
        self._legacy |= "legacy" in argv[0]
        self._sets |= argv[0] == "ipset"
        self.gateway.run(argv, text)

    def establish(self, probes: Sequence[Probe]) -> list[bytes]:
        """Let the connections come up that established and related flows need, while nothing filters.

        Gives the packet that each flow will send.
        """
        built = [self._prepared(probe, tag) for tag, probe in enumerate(probes, 1)]
        self._settle()
        self._drain()
        return built

    def send(self, probes: Sequence[Probe], packets: Sequence[bytes]) -> list[Fate]:
        """Send the packets of :meth:`establish` and see what becomes of them."""
        refused = {
            at: verdict
            for at, (probe, data) in enumerate(zip(probes, packets, strict=True))
            if (verdict := self._emit(probe.family, probe.in_iface, data, probe.dst))
        }
        self._settle()
        fates: dict[int, Fate] = {at: Fate(verdict) for at, verdict in refused.items()}
        for link, seen in self._drain():
            at = seen.tag - 1
            if not 0 <= at < len(probes):
                continue
            known = fates.get(at)
            if seen.answer:
                if known is None or known.verdict == "drop":
                    fates[at] = Fate("reject")
            elif link != OUTPUT_LOG and (known is None or not known.local):
                local = link == INPUT_LOG
                fates[at] = Fate("accept", local, "" if local else link, seen.dst, seen.dport, seen.src, seen.sport)
        return [fates.get(at, Fate("drop")) for at in range(len(probes))]

    def answer(self, probes: Sequence[Probe], fates: Sequence[Fate]) -> dict[int, str]:
        """Answer new flows that left by a link; gives by number where the answer went, ``""`` where nowhere."""
        went: dict[int, str] = {}
        for at, (probe, fate) in enumerate(zip(probes, fates, strict=True)):
            if fate.iface and probe.state == "new" and probe.proto in (TCP, UDP) and probe.tcp_flags in ((), ("syn",)):
                back = replace(probe, src=fate.dst, dst=fate.src, sport=fate.dport or 0, dport=fate.sport or 0)
                back = replace(back, tcp_flags=("syn", "ack") if probe.proto == TCP else ())
                expected = ((at + 1) << TAG_BITS) + 1 + len(payload_of(0))  # the first segment carried a payload
                tag = ANSWERS + at
                self._emit(probe.family, fate.iface, packet(back, tag, seq=tag << TAG_BITS, ack=expected), back.dst)
                went[at] = ""
        self._settle()
        for link, seen in self._drain():
            at = seen.tag - ANSWERS
            if at in went and not seen.answer and link != OUTPUT_LOG:
                went[at] = "local" if link == INPUT_LOG else link
        return went

    def _prepared(self, probe: Probe, tag: int) -> bytes:
        if probe.state == "related":
            original = replace(turned(probe), proto=UDP, sport=30000 + tag, dport=443)
            quoted = packet(original, tag)
            self._emit(probe.family, original.in_iface, quoted, original.dst)
            return error_about(probe, tag, quoted)
        if probe.state != "established":
            return packet(probe, tag)
        original = turned(probe) if probe.reply else probe
        answer = turned(original)
        if probe.proto in (ICMP, ICMPV6):
            request, reply = (8, 0) if probe.proto == ICMP else (128, 129)
            original, answer = replace(original, icmp_type=request), replace(answer, icmp_type=reply)
        start = tag << TAG_BITS
        original = replace(original, tcp_flags=("syn",)) if probe.proto == TCP else original
        answer = replace(answer, tcp_flags=("syn", "ack")) if probe.proto == TCP else answer
        after = start + 1 + len(payload_of(tag))  # the handshake's segments carry the tag as data
        self._emit(original.family, original.in_iface, packet(original, tag, seq=start), original.dst)
        self._settle()
        self._emit(answer.family, answer.in_iface, packet(answer, tag, seq=start, ack=after), answer.dst)
        self._settle()
        return packet(probe, tag, seq=after, ack=after)

    def _emit(self, family: int, link: str | None, data: bytes, dst: str) -> str:
        """Send one IP packet; for the host's own, say what the kernel answered where it refused."""
        if link is not None:
            self._far[link].send(MAC[link] + FAR_MAC[link] + ETHERTYPE[family] + data)
            return ""
        try:
            self._own[family].sendto(data, (dst, 0))
        except PermissionError as error:
            # output rules say EPERM; a prohibit route says EACCES
            return "drop" if error.errno == 1 else "reject"
        except OSError:
            return "reject"
        return ""

    def _settle(self) -> None:
        """Wait until everything that was sent has gone all the way."""
        for _ in range(HOPS):
            self._far["lan0"].send(MAC["lan0"] + FAR_MAC["lan0"] + SENTINEL.to_bytes(2, "big") + bytes(46))
            self._arrived.recv(128)

    def _drain(self) -> Iterable[tuple[str, Sighting]]:
        """Give everything that was seen since the last time, with where."""
        found: list[tuple[str, Sighting]] = []
        for link, opened in self._far.items():
            while True:
                try:
                    data, address = opened.recvfrom(2048, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                if address[2] != socket.PACKET_OUTGOING and (seen := sighting(data[14:])):
                    found.append((link, seen))
        for hook, data in self._log.packets():
            if seen := sighting(data):
                found.append((INPUT_LOG if hook == INPUT else OUTPUT_LOG, seen))
        return found


INPUT_LOG, OUTPUT_LOG = "input", "output"


def _packet_socket(topology: Topology, link: str) -> socket.socket:
    with topology.far(link).entered():
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    opened.bind((link, ALL_PROTOCOLS))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    return opened
