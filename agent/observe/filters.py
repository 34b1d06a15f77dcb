"""Which packets the tap wants: an expression of libpcap (pcap-filter(7)), for the kernel or for a capture.

What is left out is application data: a segment that begins with a TLS record of that type, and what comes from a
server without beginning anything. Without state in the filter, every segment to a server that does not begin so is
kept: it may be the rest of a hello.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

QUIC: Final = (0x00000001, 0x6B3343CF, 0)
"""Versions with a long header: 1, 2, and that of version negotiation."""
TUNNELS: Final = (
    "ip proto 47 or ip proto 4 or ip proto 41 or ip proto 97 or ip6 proto 47 or ip6 proto 4 or ip6 proto 41"
    " or udp port 4789 or udp port 8472 or udp port 6081 or udp port 2152 or udp port 3544"
)
"""What may have anything inside is kept whole."""
FRAGMENTS: Final = "ip[6:2] & 0x3fff != 0 or (ip6 and (ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 44 or ip6[6] = 60))"
ICMP: Final = (
    "(icmp and (icmp[0] = 3 or icmp[0] = 4 or icmp[0] = 5 or icmp[0] = 11 or icmp[0] = 12))"
    " or (ip6[6] = 58 and ip6[40] < 128)"
)
OTHER_ETHERTYPES: Final = "ether proto 0x8864 or ether proto 0x8847 or ether proto 0x8848"
"""PPPoE and MPLS, kept whole."""
ETHERNET: Final = 1


def expression(link_type: int, proxies: Sequence[int] = ()) -> str:
    """The whole expression for a link type; to ``proxies`` any port counts as a server's."""
    plain = _plain(tuple(proxies))
    if link_type != ETHERNET:
        return plain
    tagged = f"vlan and (({plain}) or (vlan and ({plain})))"
    return f"({plain}) or ({OTHER_ETHERTYPES}) or ({tagged})"


def leaving() -> str:
    """What is wanted of packets that leave and were seen on their way in: those that a connection begins with.

    Without tags: the kernel has not put them in yet. To stand in front of all that says ``vlan``.
    """
    begin4, _, empty4 = _segment4()
    begin6, _, empty6 = _segment6()
    # a filter ends at once where it looks behind the end of a packet
    return " or ".join((
        f"(tcp and (tcp[13] & 0x12 = 2 or (not ({empty4}) and {begin4} = 0x1603)))",
        f"(ip6[6] = 6 and (ip6[53] & 0x12 = 2 or (not ({empty6}) and {begin6} = 0x1603)))",
        "udp dst port 53", _quic("udp[8]", "udp[9:4]", "udp"), _quic("ip6[48]", "ip6[49:4]", "ip6[6] = 17"),
    ))  # fmt: skip


def _plain(proxies: tuple[int, ...]) -> str:
    return " or ".join((
        "port 53", f"({FRAGMENTS})", ICMP, _tcp4(proxies), _tcp6(proxies), _quic("udp[8]", "udp[9:4]", "udp"),
        _quic("ip6[48]", "ip6[49:4]", "ip6[6] = 17"), f"({TUNNELS})",
    ))  # fmt: skip


def _tcp4(proxies: tuple[int, ...]) -> str:
    begin, whole, empty = _segment4()
    return _tcp("tcp", begin, whole, "tcp[13]", ("tcp[0:2]", "tcp[2:2]"), empty, proxies)


def _tcp6(proxies: tuple[int, ...]) -> str:
    begin, whole, empty = _segment6()
    return _tcp("ip6[6] = 6", begin, whole, "ip6[53]", ("ip6[40:2]", "ip6[42:2]"), empty, proxies)


def _segment4() -> tuple[str, str, str]:
    """The first two and the first four bytes of a segment, and whether it has none."""
    header = "((tcp[12] & 0xf0) >> 2)"
    return f"tcp[{header}:2]", f"tcp[{header}:4]", f"ip[2:2] - ((ip[0] & 0xf) << 2) - {header} = 0"


def _segment6() -> tuple[str, str, str]:
    header = "((ip6[52] & 0xf0) >> 2)"
    return f"ip6[40 + {header}:2]", f"ip6[40 + {header}:4]", f"ip6[4:2] - {header} = 0"


def _tcp(  # noqa: PLR0913, PLR0917 - the same words for both families
    protocol: str, begin: str, whole: str, flags: str, ports: tuple[str, str], empty: str, proxies: tuple[int, ...]
) -> str:
    source, destination = ports
    to_server = " or ".join((f"{source} > {destination}", *(f"{destination} = {port}" for port in proxies)))
    wanted = (
        f"{begin} = 0x1603 or {begin} = 0x1503 or {whole} = 0x48545450"  # handshake, alert, "HTTP"
        f" or (({to_server}) and {begin} != 0x1703)"
    )
    return f"({protocol} and ({flags} & 7 != 0 or (not ({empty}) and ({wanted}))))"


def _quic(first: str, version: str, protocol: str) -> str:
    exact = " or ".join(f"{version} = {one}" for one in QUIC)
    families = (
        f"{version} & 0xffffff00 = 0xff000000"  # drafts
        f" or {version} & 0x0f0f0f0f = 0x0a0a0a0a"  # greased
        f" or {version} & 0xfffffff0 = 0xfaceb000"  # mvfst
        f" or {version} & 0xff000000 = 0x51000000 or {version} & 0xff000000 = 0x54000000"  # Q0.., T05.
    )
    return f"({protocol} and {first} & 0x80 != 0 and ({exact} or {families}))"
