"""The words that iptables and ipset print, and their values (extensions/lib*.c of iptables; /etc/protocols)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.firewalls.protocols import PROTOCOLS
from agent.model.intervals import Interval, Intervals

if TYPE_CHECKING:
    from collections.abc import Mapping

TCP_FLAGS: Final = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "all": 63, "none": 0}
CT_STATES: Final = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
CT_NAT_STATES: Final = {"snat": 16, "dnat": 32}
CT_STATUS: Final = {"none": 0, "expected": 1, "seen_reply": 2, "assured": 4, "confirmed": 8}
ADDRESS_TYPES: Final = {
    "unspec": 0, "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6,
    "unreachable": 7, "prohibit": 8, "throw": 9, "nat": 10, "xresolve": 11,
}  # fmt: skip
PKTTYPES: Final = {
    "unicast": 0, "host": 0, "broadcast": 1, "bcast": 1, "multicast": 2, "mcast": 2, "otherhost": 3,
}  # fmt: skip
DSCP_CLASSES: Final = {
    "be": 0, "ef": 46, **{f"cs{number}": number << 3 for number in range(8)},
    **{f"af{high}{low}": high << 3 | low << 1 for high in range(1, 5) for low in range(1, 4)},
}  # fmt: skip

ANY_CODE: Final = (0, 255)
ANY_ICMP: Final = 255


def _icmp(types: Mapping[str, int], codes: Mapping[int, tuple[str, ...]]) -> dict[str, tuple[int, Interval]]:
    found = {name: (kind, ANY_CODE) for name, kind in types.items()}
    for kind, listed in codes.items():
        found |= {name.lower(): (kind, (code, code)) for code, name in enumerate(listed) if name}
    return found


ICMP_TYPES: Final = _icmp(
    {
        "any": ANY_ICMP, "echo-reply": 0, "pong": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5,
        "echo-request": 8, "ping": 8, "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11,
        "ttl-exceeded": 11, "parameter-problem": 12, "timestamp-request": 13, "timestamp-reply": 14,
        "address-mask-request": 17, "address-mask-reply": 18,
    },
    {
        3: (
            "network-unreachable", "host-unreachable", "protocol-unreachable", "port-unreachable",
            "fragmentation-needed", "source-route-failed", "network-unknown", "host-unknown", "",
            "network-prohibited", "host-prohibited", "TOS-network-unreachable", "TOS-host-unreachable",
            "communication-prohibited", "host-precedence-violation", "precedence-cutoff",
        ),
        5: ("network-redirect", "host-redirect", "TOS-network-redirect", "TOS-host-redirect"),
        11: ("ttl-zero-during-transit", "ttl-zero-during-reassembly"),
        12: ("ip-header-bad", "required-option-missing"),
    },
)  # fmt: skip
ICMPV6_TYPES: Final = _icmp(
    {
        "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "ttl-exceeded": 3,
        "parameter-problem": 4, "echo-request": 128, "ping": 128, "echo-reply": 129, "pong": 129,
        "router-solicitation": 133, "router-advertisement": 134, "neighbour-solicitation": 135,
        "neighbor-solicitation": 135, "neighbour-advertisement": 136, "neighbor-advertisement": 136, "redirect": 137,
    },
    {
        1: (
            "no-route", "communication-prohibited", "beyond-scope", "address-unreachable", "port-unreachable",
            "failed-policy", "reject-route",
        ),
        3: ("ttl-zero-during-transit", "ttl-zero-during-reassembly"),
        4: ("bad-header", "unknown-header-type", "unknown-option"),
    },
)  # fmt: skip
SERVICES: Final = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68,
    "tftp": 69, "http": 80, "www": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "auth": 113, "ident": 113,
    "nntp": 119, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap2": 143, "imap": 143,
    "snmp": 161, "snmp-trap": 162, "bgp": 179, "ldap": 389, "https": 443, "microsoft-ds": 445, "submissions": 465,
    "isakmp": 500, "syslog": 514, "submission": 587, "ipp": 631, "ldaps": 636, "imaps": 993, "pop3s": 995,
    "socks": 1080, "openvpn": 1194, "mysql": 3306, "ipsec-nat-t": 4500, "sip": 5060, "postgresql": 5432,
    "http-alt": 8080, "webcache": 8080,
}  # fmt: skip
"""Old dumps and files written by hand name services; iptables-save of today prints numbers."""


def numbers(text: str, separator: str = ":", highest: int = 0xFFFF) -> Interval:
    """``80``, ``80:90``, ``:90``, ``80:`` or a service name as first and last number; raises ValueError."""
    low, sign, high = text.partition(separator)
    first = _number(low, highest) if low or not sign else 0
    if not sign:
        return first, first
    return first, _number(high, highest) if high else highest


def _number(text: str, highest: int) -> int:
    value = SERVICES.get(text)
    if value is None:
        value = int(text, 0)
    if not 0 <= value <= highest:
        raise ValueError(f"{text} is not between 0 and {highest}")
    return value


def masked(text: str, highest: int = 0xFFFFFFFF) -> tuple[int, int]:
    """``value[/mask]`` as two numbers; raises ValueError."""
    value, slash, mask = text.partition("/")
    return int(value, 0), int(mask, 0) if slash else highest


def netmask(text: str, width: int) -> int:
    """The mask of a prefix length; raises ValueError."""
    length = int(text)
    if not 0 <= length <= width:
        raise ValueError(f"prefix length {length} is not between 0 and {width}")
    return ((1 << length) - 1) << (width - length)


def protocol(text: str) -> int:
    """Number of a protocol; 0 for all. Raises ValueError."""
    name = text.lower()
    if name == "all":
        return 0
    number = PROTOCOLS.get(name)
    if number is None:
        if not name.isdecimal() or int(name) > 255:
            raise ValueError(f"protocol {text!r} is not known")
        number = int(name)
    return number


def flags(text: str, table: Mapping[str, int]) -> int:
    """Names joined by commas as bits; raises ValueError."""
    value = 0
    for name in text.split(","):
        value |= code(name, table)
    return value


def codes(text: str, table: Mapping[str, int]) -> Intervals:
    """Names joined by commas as a set of numbers; raises ValueError."""
    found = [code(name, table) for name in text.split(",")]
    return Intervals.of((value, value) for value in found)


def code(name: str, table: Mapping[str, int]) -> int:
    """The value of one name, in any case of letters; raises ValueError."""
    value = table.get(name.lower())
    if value is None:
        raise ValueError(f"{name!r} is not known")
    return value


def icmp(text: str, family: int) -> tuple[int, Interval]:
    """``type[/code]`` or a name as type and span of codes; raises ValueError."""
    table = ICMP_TYPES if family == 4 else ICMPV6_TYPES
    found = table.get(text.lower())
    if found is not None:
        return found
    kind, slash, number = text.partition("/")
    first, _ = numbers(kind, highest=255)
    return first, numbers(number, highest=255) if slash else ANY_CODE
