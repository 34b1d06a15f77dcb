"""The fields that rules read, by the names that nft gives them, and what reading one implies.

The implied conditions are those that nft puts before the comparison (``nft --debug=netlink list ruleset``), or that
the kernel's expression itself demands (nft_exthdr.c, nft_rt.c, nft_osf.c); the JSON shows neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agent.firewalls.nftables import symbols, values
from agent.model.firewall import Expr, Field, Literal, Match, Read
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from agent.firewalls.nftables.values import Reading

BYTE: Final = 0xFF
SHORT: Final = 0xFFFF
WORD: Final = 0xFFFFFFFF
MAC: Final = (1 << 48) - 1
LONGEST: Final = (1 << 128) - 1


def _is(field: Field, value: int) -> Match:
    return Match(Read(field), Intervals.single(value))


IPV4: Final = _is(Field.NFPROTO, 2)
IPV6: Final = _is(Field.NFPROTO, 10)
PROTOCOL: Final = {value: _is(Field.L4PROTO, value) for value in (1, 2, 6, 17, 33, 47, 50, 51, 58, 108, 132, 136)}
"""The condition that each transport header implies."""
TRACKED: Final = Match(Read(Field.CT_DIRECTION), Intervals.span(0, 1))


@dataclass(frozen=True, slots=True)
class Selector:
    """A value that rules read: what must hold before it can be read, how nft writes it, its highest value."""

    expr: Expr
    needs: tuple[Match, ...] = ()
    read: Reading = values.number
    highest: int = WORD
    ordered: bool = True
    """Whether "less than" means in our numbers what it means in the kernel's."""
    lenient: bool = False
    """A test for absence is true for packets that do not meet ``needs`` (nft_exthdr.c)."""
    many: bool = False
    """Addresses: too many values to remember what was read."""


def _read(  # noqa: PLR0913 - the fields of Selector
    field: Field,
    needs: tuple[Match, ...] = (),
    read: Reading = values.number,
    highest: int = WORD,
    *,
    ordered: bool = True,
    many: bool = False,
) -> Selector:
    return Selector(Read(field), needs, read, highest, ordered, many=many)


_protocols: Final = values.words(symbols.PROTOCOLS)
META: Final = {
    "iifname": _read(Field.IIFNAME, (), values.interface_name, LONGEST, ordered=False),
    "oifname": _read(Field.OIFNAME, (), values.interface_name, LONGEST, ordered=False),
    "iif": _read(Field.IIFNAME, (), values.interface_index, LONGEST, ordered=False),
    "oif": _read(Field.OIFNAME, (), values.interface_index, LONGEST, ordered=False),
    "l4proto": _read(Field.L4PROTO, (), _protocols, BYTE),
    "nfproto": _read(Field.NFPROTO, (), values.words(symbols.NFPROTOS), BYTE),
    "protocol": _read(Field.NFPROTO, (), values.words(symbols.ETHERTYPES), SHORT, ordered=False),
    "mark": _read(Field.MARK),
    "pkttype": _read(Field.PKTTYPE, (), values.words(symbols.PKTTYPES), BYTE),
    "skuid": _read(Field.SKUID),
    "skgid": _read(Field.SKGID),
    "length": _read(Field.LENGTH),
}
CT: Final = {
    "state": _read(Field.CT_STATE, (), values.words(symbols.CT_STATES)),
    "status": _read(Field.CT_STATUS, (), values.words(symbols.CT_STATUS)),
    "direction": _read(Field.CT_DIRECTION, (), values.words(symbols.CT_DIRECTIONS), BYTE),
    "mark": _read(Field.CT_MARK),
    "l3proto": _read(Field.NFPROTO, (TRACKED,), values.words(symbols.NFPROTOS), BYTE),
    "protocol": _read(Field.L4PROTO, (TRACKED,), _protocols, BYTE),
}
_ICMP: Final = (IPV4, PROTOCOL[1])
_ICMPV6: Final = (IPV6, PROTOCOL[58])
_PORTS: Final = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33, "udplite": 136}
PAYLOAD: Final = {
    ("ip", "saddr"): _read(Field.SADDR, (IPV4,), values.address4, many=True),
    ("ip", "daddr"): _read(Field.DADDR, (IPV4,), values.address4, many=True),
    ("ip", "protocol"): _read(Field.L4PROTO, (IPV4,), _protocols, BYTE),
    ("ip", "ttl"): _read(Field.TTL, (IPV4,), highest=BYTE),
    ("ip", "dscp"): _read(Field.DSCP, (IPV4,), values.words(symbols.DSCP), 63),
    ("ip", "length"): _read(Field.LENGTH, (IPV4,), highest=SHORT),
    ("ip6", "saddr"): _read(Field.SADDR, (IPV6,), values.address6, LONGEST, many=True),
    ("ip6", "daddr"): _read(Field.DADDR, (IPV6,), values.address6, LONGEST, many=True),
    # the first next header: the transport protocol of packets without extension headers, which we ask about
    ("ip6", "nexthdr"): _read(Field.L4PROTO, (IPV6,), _protocols, BYTE),
    ("ip6", "hoplimit"): _read(Field.TTL, (IPV6,), highest=BYTE),
    ("ip6", "dscp"): _read(Field.DSCP, (IPV6,), values.words(symbols.DSCP), 63),
    ("tcp", "flags"): _read(Field.TCP_FLAGS, (PROTOCOL[6],), values.words(symbols.TCP_FLAGS), BYTE),
    ("tcp", "sequence"): _read(Field.TCP_SEQ, (PROTOCOL[6],)),
    ("icmp", "type"): _read(Field.ICMP_TYPE, _ICMP, values.words(symbols.ICMP_TYPES), BYTE),
    ("icmp", "code"): _read(Field.ICMP_CODE, _ICMP, values.words(symbols.ICMP_CODES), BYTE),
    ("icmpv6", "type"): _read(Field.ICMP_TYPE, _ICMPV6, values.words(symbols.ICMPV6_TYPES), BYTE),
    ("icmpv6", "code"): _read(Field.ICMP_CODE, _ICMPV6, values.words(symbols.ICMPV6_CODES), BYTE),
    ("ether", "saddr"): _read(Field.SMAC, (), values.mac, MAC),
    ("ether", "daddr"): _read(Field.DMAC, (), values.mac, MAC),
    # "th" implies nothing: on other protocols it reads whatever stands there
    ("th", "sport"): _read(Field.SPORT, (), highest=SHORT),
    ("th", "dport"): _read(Field.DPORT, (), highest=SHORT),
} | {
    (name, port): _read(field, (PROTOCOL[value],), highest=SHORT)
    for name, value in _PORTS.items()
    for port, field in (("sport", Field.SPORT), ("dport", Field.DPORT))
}
HEADER_NEEDS: Final[dict[str, tuple[Match, ...]]] = {
    "ip": (IPV4,), "ip6": (IPV6,), "icmp": _ICMP, "icmpv6": _ICMPV6, "igmp": (PROTOCOL[2],), "gre": (PROTOCOL[47],),
    "esp": (PROTOCOL[50],), "ah": (PROTOCOL[51],), "comp": (PROTOCOL[108],),
} | {name: (PROTOCOL[value],) for name, value in _PORTS.items()}  # fmt: skip
"""What any other field of a header implies."""
ICMP_FIELD_NEEDS: Final = {
    ("icmp", "mtu"): _is(Field.ICMP_TYPE, 3),
    ("icmp", "gateway"): _is(Field.ICMP_TYPE, 5),
    ("icmpv6", "mtu"): _is(Field.ICMP_TYPE, 2),
    ("icmpv6", "parameter-problem"): _is(Field.ICMP_TYPE, 4),
}
"""Fields that only one type of message has; nft compares the type too (src/proto.c, proto_icmp)."""
RAW_FIELDS: Final = {
    "nh": (
        # of IPv4 (RFC 791) and of IPv6 (RFC 8200), in bits
        (Field.TTL, ((64, 72), (56, 64))),
        (Field.L4PROTO, ((72, 80), (48, 56))),
        (Field.SADDR, ((96, 128), (64, 192))),
        (Field.DADDR, ((128, 160), (192, 320))),
    ),
    "th": (
        (Field.SPORT, ((0, 16),)),
        (Field.DPORT, ((16, 32),)),
        (Field.TCP_FLAGS, ((104, 112),)),
        (Field.ICMP_TYPE, ((0, 8),)),
        (Field.ICMP_CODE, ((8, 16),)),
    ),
}
"""Where fields stand in the headers that ``@nh`` and ``@th`` write to."""

_TYPES: Final = (
    ("ipv4_addr", values.address4, WORD),
    ("ipv6_addr", values.address6, LONGEST),
    ("ifname", values.interface_name, LONGEST),
    ("iface_index", values.interface_index, LONGEST),
    ("inet_service", values.number, SHORT),
    ("inet_proto", _protocols, BYTE),
    ("nf_proto", values.words(symbols.NFPROTOS), BYTE),
    ("ether_addr", values.mac, MAC),
    ("ether_type", values.words(symbols.ETHERTYPES), SHORT),
    ("mark", values.number, WORD),
    ("integer", values.number, LONGEST),
    ("boolean", values.number, 1),
    ("ct_state", values.words(symbols.CT_STATES), WORD),
    ("ct_dir", values.words(symbols.CT_DIRECTIONS), BYTE),
    ("ct_status", values.words(symbols.CT_STATUS), WORD),
    ("icmp_type", values.words(symbols.ICMP_TYPES), BYTE),
    ("icmp_code", values.words(symbols.ICMP_CODES), BYTE),
    ("icmpv6_type", values.words(symbols.ICMPV6_TYPES), BYTE),
    ("icmpv6_code", values.words(symbols.ICMPV6_CODES), BYTE),
    ("tcp_flag", values.words(symbols.TCP_FLAGS), BYTE),
    ("dscp", values.words(symbols.DSCP), 63),
    ("fib_addrtype", values.words(symbols.ADDRESS_TYPES), WORD),
    ("pkt_type", values.words(symbols.PKTTYPES), BYTE),
    ("uid", values.number, WORD),
    ("gid", values.number, WORD),
)
TYPES: Final = {name: Selector(Literal(0), (), read, highest) for name, read, highest in _TYPES}
"""Datatypes of declared sets; only how a value is written matters of the selector."""
