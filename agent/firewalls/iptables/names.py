"""The words that iptables prints, and their values (extensions/lib*.c of iptables; /etc/protocols)."""

from __future__ import annotations

from typing import Final

from agent.errors import Malformed
from agent.model.intervals import Interval, Intervals

PROTOCOLS: Final = {
    "ip": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "ipip": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "dccp": 33,
    "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ipsec-esp": 50, "ah": 51,
    "ipsec-ah": 51, "ipv6-icmp": 58, "icmpv6": 58, "icmp6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "eigrp": 88,
    "ospf": 89, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "sctp": 132, "mh": 135, "mobility-header": 135,
    "udplite": 136, "mpls-in-ip": 137,
}  # fmt: skip
TCP_FLAGS: Final = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ALL": 63, "NONE": 0}
CT_STATES: Final = {"INVALID": 1, "ESTABLISHED": 2, "RELATED": 4, "NEW": 8, "UNTRACKED": 64}
CT_NAT_STATES: Final = {"SNAT": 16, "DNAT": 32}
CT_STATUS: Final = {"NONE": 0, "EXPECTED": 1, "SEEN_REPLY": 2, "ASSURED": 4, "CONFIRMED": 8}
ADDRESS_TYPES: Final = {
    "UNSPEC": 0, "UNICAST": 1, "LOCAL": 2, "BROADCAST": 3, "ANYCAST": 4, "MULTICAST": 5, "BLACKHOLE": 6,
    "UNREACHABLE": 7, "PROHIBIT": 8,
}  # fmt: skip
PKTTYPES: Final = {"unicast": 0, "broadcast": 1, "multicast": 2}
_ANY: Final = (0, 255)
_UNREACHABLE: Final = (
    "network-unreachable", "host-unreachable", "protocol-unreachable", "port-unreachable", "fragmentation-needed",
    "source-route-failed", "network-unknown", "host-unknown", "", "network-prohibited", "host-prohibited",
    "TOS-network-unreachable", "TOS-host-unreachable", "communication-prohibited", "host-precedence-violation",
    "precedence-cutoff",
)  # fmt: skip
ICMP_TYPES: Final[dict[str, tuple[int, Interval]]] = {
    "any": (255, _ANY), "echo-reply": (0, _ANY), "pong": (0, _ANY), "destination-unreachable": (3, _ANY),
    "source-quench": (4, _ANY), "redirect": (5, _ANY), "echo-request": (8, _ANY), "ping": (8, _ANY),
    "router-advertisement": (9, _ANY), "router-solicitation": (10, _ANY), "time-exceeded": (11, _ANY),
    "ttl-exceeded": (11, _ANY), "ttl-zero-during-transit": (11, (0, 0)), "ttl-zero-during-reassembly": (11, (1, 1)),
    "parameter-problem": (12, _ANY), "timestamp-request": (13, _ANY), "timestamp-reply": (14, _ANY),
    "address-mask-request": (17, _ANY), "address-mask-reply": (18, _ANY),
} | {name: (3, (code, code)) for code, name in enumerate(_UNREACHABLE) if name}  # fmt: skip
ICMPV6_TYPES: Final[dict[str, tuple[int, Interval]]] = {
    "any": (255, _ANY), "destination-unreachable": (1, _ANY), "no-route": (1, (0, 0)),
    "communication-prohibited": (1, (1, 1)), "beyond-scope": (1, (2, 2)), "address-unreachable": (1, (3, 3)),
    "port-unreachable": (1, (4, 4)), "failed-policy": (1, (5, 5)), "reject-route": (1, (6, 6)),
    "packet-too-big": (2, _ANY), "time-exceeded": (3, _ANY), "ttl-exceeded": (3, _ANY),
    "parameter-problem": (4, _ANY), "bad-header": (4, (0, 0)), "unknown-header-type": (4, (1, 1)),
    "unknown-option": (4, (2, 2)), "echo-request": (128, _ANY), "ping": (128, _ANY), "echo-reply": (129, _ANY),
    "pong": (129, _ANY), "router-solicitation": (133, _ANY), "router-advertisement": (134, _ANY),
    "neighbour-solicitation": (135, _ANY), "neighbor-solicitation": (135, _ANY),
    "neighbour-advertisement": (136, _ANY), "neighbor-advertisement": (136, _ANY), "redirect": (137, _ANY),
}  # fmt: skip
SERVICES: Final = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68,
    "tftp": 69,
    "http": 80, "www": 80, "pop3": 110, "sunrpc": 111, "auth": 113, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138,
    "netbios-ssn": 139, "imap2": 143, "imap": 143, "snmp": 161, "https": 443, "microsoft-ds": 445, "imaps": 993,
    "pop3s": 995,
}  # fmt: skip
"""Old dumps name services; iptables-save of today prints numbers."""


def numbers(text: str, separator: str = ":", highest: int = 0xFFFF) -> Interval:
    """``80``, ``80:90``, ``:90``, ``80:`` or a service name; raises ValueError."""
    low, sign, high = text.partition(separator)
    first = _number(low) if low else 0
    last = (_number(high) if high else highest) if sign else first
    return first, last


def _number(text: str) -> int:
    return SERVICES[text] if text in SERVICES else int(text, 0)


def masked(text: str, highest: int = 0xFFFFFFFF) -> tuple[int, int]:
    """``value[/mask]`` as two numbers; raises ValueError."""
    value, slash, mask = text.partition("/")
    return int(value, 0), int(mask, 0) if slash else highest


def protocol(text: str) -> int:
    """Number of a protocol name; raises Malformed."""
    name = text.lower()
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    try:
        return int(name, 0)
    except ValueError as error:
        raise Malformed(f"protocol {text!r} is not known") from error


def flags(text: str, table: dict[str, int]) -> int:
    """Names joined by commas as bits; raises ValueError."""
    value = 0
    for name in text.split(","):
        if name.upper() not in table:
            raise ValueError(f"{name!r} is not known")
        value |= table[name.upper()]
    return value


def codes(text: str, table: dict[str, int]) -> Intervals:
    """Names joined by commas as a set of numbers; raises ValueError."""
    found = []
    for name in text.split(","):
        if name.upper() not in table:
            raise ValueError(f"{name!r} is not known")
        found.append((table[name.upper()], table[name.upper()]))
    return Intervals.of(found)
