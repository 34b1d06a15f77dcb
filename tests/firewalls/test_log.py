"""Lines of the kernel's log about packets, as nf_log_syslog.c, syslog, the journal and dmesg write them."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.firewalls.log import Reader, action, recognises
from agent.logline import Clock
from agent.model.observation import FirewallLog, Observation

NOW = 1795714873.0
"""2026-11-26 17:41:13 UTC."""
BOOT = 1795000000.0
TCP = (
    "IN=lan0 OUT=wan0 MAC=02:00:00:00:07:01:02:00:00:00:07:14:08:00 SRC=192.168.7.20 DST=203.0.113.9 LEN=60 TOS=0x00 "
    "PREC=0x00 TTL=63 ID=54321 DF PROTO=TCP SPT=40000 DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0 "
)
UDP6 = (
    "IN=lan0 OUT=wan0 SRC=2001:0db8:0007:0000:0000:0000:0000:0020 DST=2001:0db8:0000:0000:0000:0000:0000:0001 LEN=1278 "
    "TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=UDP SPT=40000 DPT=443 LEN=1238 "
)
QUOTED = (
    "IN= OUT=lan0 SRC=192.168.7.1 DST=192.168.7.20 LEN=88 TOS=0x00 PREC=0xC0 TTL=64 ID=3 PROTO=ICMP TYPE=3 CODE=13 "
    "[SRC=192.168.7.20 DST=203.0.113.9 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=40000 DPT=443 WINDOW=1 ] "
)
BRIDGED = TCP.replace("OUT=wan0 ", "OUT=wan0 PHYSIN=port1 PHYSOUT=port2 ")


def reader() -> Reader:
    return Reader(Clock(lambda: NOW, UTC), lambda: BOOT)


def logged(at: float, prefix: str, action: str | None) -> Observation:
    message = FirewallLog(prefix, "lan0", "wan0", action)
    return Observation(at, "192.168.7.20", "203.0.113.9", 40000, 443, "tcp", message, sensor="kernel")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"Nov 26 17:41:13 gw kernel: [12345.678901] [UFW BLOCK] {TCP}", logged(NOW, "[UFW BLOCK]", "block")),
        (
            f"Nov 26 17:41:13 gw kernel: Shorewall:loc2net:REJECT:{TCP}",
            logged(NOW, "Shorewall:loc2net:REJECT:", "reject"),
        ),
        (f"2026-11-26T18:41:13.5+01:00 gw kernel: nft-drop {TCP}", logged(NOW + 0.5, "nft-drop", "drop")),
        (f"<4>[714873.000000] {TCP}", logged(NOW, "", None)),
        (f"[714873.000000] new: {TCP}", logged(NOW, "new:", None)),
        (f"4,1339,714873000000,-;FINAL_REJECT: {TCP}", logged(NOW, "FINAL_REJECT:", "reject")),
        (f"[Thu Nov 26 17:41:13 2026] accepted {TCP}", logged(NOW, "accepted", "accept")),
        (
            f"Thu Nov 26 17:41:13 2026 kern.warn kernel: [ 1.234567] reject wan out: {TCP}",
            logged(NOW, "reject wan out:", "reject"),
        ),
        (f"Nov 26 17:41:13 gw blocked {TCP}", logged(NOW, "blocked", "block")),  # ulogd
        (f"Nov 26 17:41:13 gw kernel: rule=7 deny: {TCP}", logged(NOW, "rule=7 deny:", "block")),
        (f"Nov 26 17:41:13 gw kernel: FINAL_DROP{TCP}", logged(NOW, "FINAL_DROP", "drop")),
        (f"Nov 26 17:41:13 gw bridge: {BRIDGED}", logged(NOW, "", None)),
        (f"Nov 26 17:41:13 gw kernel: DROP {BRIDGED}", logged(NOW, "DROP", "drop")),
    ],
)
def test_a_packet_is_read_from_every_log_of_the_kernel(line: str, expected: Observation) -> None:
    assert recognises(line.encode())
    assert reader().take(line.encode()) == [expected]


def test_ipv6_is_written_short() -> None:
    (found,) = reader().take(f"Nov 26 17:41:13 gw kernel: {UDP6}".encode())
    assert (found.src_ip, found.dest_ip, found.transport, found.dest_port) == (
        "2001:db8:7::20",
        "2001:db8::1",
        "udp",
        443,
    )


def test_a_quoted_packet_is_not_the_one_that_was_logged() -> None:
    (found,) = reader().take(f"Nov 26 17:41:13 gw kernel: {QUOTED}".encode())
    assert (found.src_ip, found.dest_ip, found.transport, found.src_port) == ("192.168.7.1", "192.168.7.20", None, None)
    assert isinstance(found.message, FirewallLog)
    assert (found.message.in_iface, found.message.out_iface) == (None, "lan0")


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("DROP", "drop"),
        ("[UFW ALLOW] ", "accept"),
        ("input_denied: ", "block"),
        ("fw-forward-DROP:", "drop"),
        ("blocklist ", None),
        ("accept, else drop: ", None),
        ("droplet ", None),
        ("", None),
    ],
)
def test_what_a_rule_does_is_known_where_its_prefix_says_it(prefix: str, expected: str | None) -> None:
    assert action(prefix) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"Nov 26 17:41:13 gw sshd[7]: Accepted publickey for root",
        b"Nov 26 17:41:13 gw kernel: IN=lan0 OUT=wan0 SRC=300.1.1.1 DST=1.1.1.1 LEN=60 PROTO=TCP SPT=1 DPT=2",
        b"Nov 26 17:41:13 gw kernel: IN=lan0 OUT=wan0 SRC=192.168.7",
        b"Nov 31 17:41:13 gw kernel: " + TCP.encode(),
        b"[Thu Nov 31 17:41:13 2026] " + TCP.encode(),
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_not_understood_is_counted(line: bytes) -> None:
    one = reader()
    assert one.take(line) == []
    assert one.malformed == 1


@pytest.mark.parametrize(
    "line", [b"Nov 26 17:41:13 gw kernel: eth0: link up", b"6,9,12000000,-;eth0: link up", b"[1.000000] x"]
)
def test_other_messages_of_the_kernel_are_passed_over(line: bytes) -> None:
    one = reader()
    assert one.take(line) == []
    assert one.malformed == 0
    assert not recognises(line)


def test_without_the_time_of_boot_a_line_is_of_when_it_is_read() -> None:
    clock = Clock(lambda: NOW, UTC)
    (found,) = Reader(clock).take(f"[5.000000] {TCP}".encode())
    assert found.timestamp == NOW
    assert clock.inferred == {"time"}


@given(st.binary(max_size=300), st.integers(0, len(TCP)))
def test_any_bytes_are_read_or_counted(rest: bytes, cut: int) -> None:
    one = reader()
    line = f"Nov 26 17:41:13 gw sudo: {TCP[:cut]}".encode() + rest
    found = one.take(line.replace(b"\n", b""))
    assert len(found) + one.malformed == 1
