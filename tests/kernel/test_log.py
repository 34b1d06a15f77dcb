"""What the running kernel writes of packets that rules log, and what its lines are read as.

Namespaces other than the first log nothing unless ``net.netfilter.nf_log_all_netns`` says so: it is set meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from agent.firewalls.log import Reader, recognises
from agent.logline import Clock
from agent.model.observation import FirewallLog
from tests.kernel.needs import kernel
from tests.kernel.netns import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL: Final = Path("/proc/sys/net/netfilter/nf_log_all_netns")
KMSG: Final = "/dev/kmsg"
PATIENCE: Final = 3.0
"""Seconds until the kernel has written."""
SETUP: Final = """
ip link set lo up
ip link add lan0 type veth peer name far0
ip link set far0 up
ip addr add 192.0.2.1/24 dev lan0
ip -6 addr add 2001:db8::1/64 dev lan0 nodad
ip link set lan0 up
"""
NFT: Final = """
table inet t {{
  chain out {{
    type filter hook output priority 0; policy accept;
    tcp dport 443 log prefix "{mark} drop: " drop
    udp dport 443 log prefix "{mark} REJECTED " reject
    tcp dport 80 log prefix "{mark} allow " level info flags all accept
  }}
}}
"""
IPTABLES: Final = """
iptables-nft -A OUTPUT -p tcp --dport 443 -j LOG --log-prefix "{mark} drop: " --log-tcp-sequence --log-uid
iptables-nft -A OUTPUT -p tcp --dport 443 -j DROP
"""
pytestmark = [
    *kernel,
    pytest.mark.skipif(not (ALL.exists() and os.access(KMSG, os.R_OK)), reason="the kernel's log cannot be read"),
]


@contextmanager
def logged_everywhere() -> Iterator[None]:
    """Let namespaces log; runs side by side wait for each other, as the setting is the machine's."""
    with Path("/run/lock/gateproof-tests-nf-log").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = ALL.read_text(encoding="ascii")
        ALL.write_text("1", encoding="ascii")
        try:
            yield
        finally:
            ALL.write_text(before, encoding="ascii")


@contextmanager
def records() -> Iterator[int]:
    """/dev/kmsg, from now on."""
    log = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(log, 0, os.SEEK_END)
        yield log
    finally:
        os.close(log)


def marked(log: int, mark: str, count: int) -> list[bytes]:
    """The records with a mark, once there are as many."""
    found: list[bytes] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < deadline:
        try:
            # behind the first line stand the fields of a device, if any
            record = os.read(log, 8192).split(b"\n", 1)[0]
        except BlockingIOError:
            time.sleep(0.01)
            continue
        except BrokenPipeError:  # overwritten before it was read: the next one is what there is
            continue
        if mark.encode() in record:
            found.append(record)
    return found


def send(to: str, port: int, kind: socket.SocketKind) -> None:
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with socket.socket(family, kind) as sock, suppress(OSError):
        sock.settimeout(0.2)
        sock.connect((to, port))
        sock.send(b"x")


def booted() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
CASES: Final = {
    NFT: (
        ("192.0.2.9", 443, TCP, "drop:", "drop"), ("2001:db8::9", 443, TCP, "drop:", "drop"),
        ("192.0.2.9", 443, UDP, "REJECTED", "reject"), ("2001:db8::9", 80, TCP, "allow", "accept"),
    ),
    IPTABLES: (("192.0.2.9", 443, TCP, "drop:", "drop"),),
}  # fmt: skip
FORMS: Final = ((), ("-T",), ("-r",), ("-x",), ("-P", "--time-format=iso"), ("-P", "--time-format=ctime"))
"""Options of dmesg."""


@pytest.mark.parametrize("rules", CASES, ids=("nft", "iptables"))
def test_the_kernel_and_we_agree_about_a_packet(rules: str) -> None:
    mark = uuid.uuid4().hex[:8]
    text = rules.format(mark=mark)
    cases = CASES[rules]
    namespace = Namespace()
    try:
        namespace.run(("sh", "-euc", SETUP))
        if rules is NFT:
            namespace.run(("nft", "-f", "-"), text)
        else:
            namespace.run(("sh", "-euc", text))
        with logged_everywhere(), records() as log, namespace.entered():
            since = time.time()
            for to, port, kind, _, _ in cases:
                send(to, port, kind)
            lines: dict[tuple[str, ...], list[bytes]] = {("kmsg",): marked(log, mark, len(cases))}
        for form in FORMS:
            said = subprocess.run(("dmesg", *form), capture_output=True, check=True, timeout=20).stdout
            lines[form] = [one for one in said.splitlines() if mark.encode() in one]
    finally:
        namespace.close()
    for shown, those in lines.items():
        reader = Reader(Clock(time.time), booted)
        assert all(map(recognises, those))
        # connection attempts are repeated: what came first counts
        found = {one: one for line in those for one in reader.take(line)}
        assert reader.malformed == 0, shown
        assert {(one.dest_ip, one.dest_port, one.transport, one.message) for one in found} == {
            (to, port, "tcp" if kind == TCP else "udp", FirewallLog(f"{mark} {prefix}", None, "lan0", action))
            for to, port, kind, prefix, action in cases
        }, shown
        assert all(one.src_ip in ("192.0.2.1", "2001:db8::1") and one.src_port for one in found)
        # dmesg rounds the time of boot
        assert all(since - 3 <= one.timestamp <= time.time() + 3 for one in found), shown
