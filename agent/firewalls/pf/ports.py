"""Ports as pfctl prints them: numbers, or with the names of /etc/services where it was not asked for numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST: Final = 0xFFFF
SERVICES: Final = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "domain": 53, "bootps": 67,
    "bootpc": 68, "tftp": 69, "http": 80, "kerberos-sec": 88, "pop3": 110, "sunrpc": 111, "auth": 113, "ident": 113,
    "nntp": 119, "ntp": 123, "epmap": 135, "netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap": 143,
    "snmp": 161, "snmptrap": 162, "bgp": 179, "ldap": 389, "https": 443, "microsoft-ds": 445, "smtps": 465,
    "isakmp": 500, "syslog": 514, "printer": 515, "dhcpv6-client": 546, "dhcpv6-server": 547, "submission": 587,
    "ipp": 631, "ldaps": 636, "domain-s": 853, "rsync": 873, "imaps": 993, "pop3s": 995, "openvpn": 1194,
    "ms-sql-s": 1433, "l2tp": 1701, "pptp": 1723, "radius": 1812, "radius-acct": 1813, "nfsd": 2049, "squid": 3128,
    "mysql": 3306, "ms-wbt-server": 3389, "stun": 3478, "sae-urn": 4500, "sip": 5060, "sips": 5061, "mdns": 5353,
    "postgresql": 5432, "http-alt": 8080,
}  # fmt: skip
"""IANA's service names, as FreeBSD's /etc/services has them."""


def number(word: str) -> int:
    """A port; raises Malformed for a name that is not known."""
    port = int(word) if word.isdecimal() else SERVICES.get(word)
    if port is None or port > LAST:
        raise Malformed(f"port {word} is not known; have pfctl print numbers (-P)")
    return port


def ports(words: Sequence[str]) -> Intervals:
    """What ``= 443``, ``!= 25``, ``> 1023``, ``= 1000:2000``, ``1 >< 5`` or ``1 <> 5`` mean (pf.conf(5))."""
    if len(words) == 3:
        low, high = number(words[0]), number(words[2])
        inside = Intervals.span(low + 1, high - 1)
        return inside if words[1] == "><" else Intervals.of(((0, low - 1), (high + 1, LAST)))
    operator, word = words
    first, colon, last = word.partition(":")
    low, high = number(first), number(last) if colon else number(first)
    match operator:
        case "=":
            return Intervals.span(low, high)
        case "!=":
            return Intervals.span(low, high).complement(LAST)
        case "<":
            return Intervals.span(0, low - 1)
        case "<=":
            return Intervals.span(0, low)
        case ">":
            return Intervals.span(low + 1, LAST)
        case _:
            return Intervals.span(low, LAST)
