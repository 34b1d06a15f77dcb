"""What the left side of a match reads: fields, what they imply, and how their values are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agent.errors import Malformed
from agent.firewalls.nftables import symbols
from agent.firewalls.protocols import PROTOCOLS
from agent.model.expression import Binary, Concat, Device, Expr, Fib, Field, Literal, Opaque, Read
from agent.model.firewall import Match
from agent.model.intervals import Interval, Intervals, address_value, name_prefix, name_value
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable

IPV4: Final = Match(Read(Field.NFPROTO), Intervals.single(2))
IPV6: Final = Match(Read(Field.NFPROTO), Intervals.single(10))
NEVER: Final = Match(Read(Field.NFPROTO), Intervals())
ABSENT_HEADER: Final = Literal(0)


def protocol(number: int) -> Match:
    """The condition that a transport header implies."""
    return Match(Read(Field.L4PROTO), Intervals.single(number))


@record
class Selector:
    """A field: how it is read, what must hold before it can be, how one value is written, its highest value."""

    expr: Expr
    needs: tuple[Match, ...] = ()
    value: Callable[[Any], Interval] = lambda item: number(item, {})
    highest: int = 0xFFFFFFFF


def number(item: Any, words: dict[str, int]) -> Interval:
    """One integer, as a number or a word."""
    if isinstance(item, bool):
        return int(item), int(item)
    if isinstance(item, int):
        return item, item
    if isinstance(item, str):
        if item in words:
            return words[item], words[item]
        try:
            value = int(item, 0)
        except ValueError as error:
            raise Malformed(f"value {item!r} is not understood") from error
        return value, value
    raise Malformed(f"value {item!r} is not understood")


def address(item: Any) -> Interval:
    """An address."""
    if not isinstance(item, str):
        raise Malformed(f"address {item!r} is not understood")
    try:
        value = address_value(item)[1]
    except ValueError as error:
        raise Malformed(f"address {item!r} is not understood") from error
    return value, value


def interface(item: Any) -> Interval:
    """An interface name; a trailing ``*`` stands for any rest, unless it is escaped."""
    if not isinstance(item, str):
        raise Malformed(f"interface {item!r} is not understood")
    if item.endswith("\\*"):
        value = name_value(item[:-2] + "*")
    elif item.endswith("*"):
        return name_prefix(item[:-1])
    else:
        value = name_value(item)
    return value, value


def mac(item: Any) -> Interval:
    """A link-layer address."""
    if not isinstance(item, str) or item.count(":") != 5:
        raise Malformed(f"link-layer address {item!r} is not understood")
    value = int(item.replace(":", ""), 16)
    return value, value


def words(table: dict[str, int]) -> Callable[[Any], Interval]:
    """Reads numbers and the words of a table."""
    return lambda item: number(item, table)


def prefix(item: dict[str, Any]) -> Interval:
    """``{"addr": .., "len": ..}``."""
    try:
        family, value = address_value(item["addr"])
        rest = (1 << (32 if family == 4 else 128) - item["len"]) - 1
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"prefix {item!r} is not understood") from error
    return value & ~rest, value | rest


_PORTS = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33, "udplite": 136}
_META: Final = {
    "iifname": Selector(Read(Field.IIFNAME), (), interface, (1 << 128) - 1),
    "oifname": Selector(Read(Field.OIFNAME), (), interface, (1 << 128) - 1),
    "l4proto": Selector(Read(Field.L4PROTO), (), words(PROTOCOLS), 255),
    "nfproto": Selector(Read(Field.NFPROTO), (), words(symbols.NFPROTOS), 255),
    "protocol": Selector(Read(Field.NFPROTO), (), words(symbols.ETHERTYPES), 0xFFFF),
    "mark": Selector(Read(Field.MARK)),
    "pkttype": Selector(Read(Field.PKTTYPE), (), words(symbols.PKTTYPES), 255),
    "skuid": Selector(Read(Field.SKUID)),
    "skgid": Selector(Read(Field.SKGID)),
    "length": Selector(Read(Field.LENGTH)),
    "iifgroup": Selector(Device(Field.IIFNAME, "group"), (), words(symbols.GROUPS)),
    "oifgroup": Selector(Device(Field.OIFNAME, "group"), (), words(symbols.GROUPS)),
    "ibrname": Selector(Device(Field.IIFNAME, "bridge"), (), interface, (1 << 128) - 1),
    "obrname": Selector(Device(Field.OIFNAME, "bridge"), (), interface, (1 << 128) - 1),
}
_CT: Final = {
    "state": Selector(Read(Field.CT_STATE), (), words(symbols.CT_STATES)),
    "status": Selector(Read(Field.CT_STATUS), (), words(symbols.CT_STATUS)),
    "direction": Selector(Read(Field.CT_DIRECTION), (), words(symbols.CT_DIRECTIONS), 255),
    "mark": Selector(Read(Field.CT_MARK)),
}
_ICMP = (IPV4, protocol(1))
_ICMPV6 = (IPV6, protocol(58))
_PAYLOAD: Final = {
    ("ip", "saddr"): Selector(Read(Field.SADDR), (IPV4,), address),
    ("ip", "daddr"): Selector(Read(Field.DADDR), (IPV4,), address),
    ("ip", "protocol"): Selector(Read(Field.L4PROTO), (IPV4,), words(PROTOCOLS), 255),
    ("ip", "ttl"): Selector(Read(Field.TTL), (IPV4,), highest=255),
    ("ip", "dscp"): Selector(Read(Field.DSCP), (IPV4,), words(symbols.DSCP), 63),
    ("ip", "version"): Selector(Literal(4), (IPV4,), highest=15),
    ("ip6", "version"): Selector(Literal(6), (IPV6,), highest=15),
    # of whole packets, which we ask about, only the flag that forbids fragments can be set
    ("ip", "frag-off"): Selector(Binary("&", Opaque("ip frag-off"), Literal(0x4000)), (IPV4,), highest=0xFFFF),
    ("ip", "length"): Selector(Read(Field.LENGTH), (IPV4,), highest=0xFFFF),
    ("ip6", "saddr"): Selector(Read(Field.SADDR), (IPV6,), address, (1 << 128) - 1),
    ("ip6", "daddr"): Selector(Read(Field.DADDR), (IPV6,), address, (1 << 128) - 1),
    # the first next header: the transport protocol of packets without extension headers, which we ask about
    ("ip6", "nexthdr"): Selector(Read(Field.L4PROTO), (IPV6,), words(PROTOCOLS), 255),
    ("ip6", "hoplimit"): Selector(Read(Field.TTL), (IPV6,), highest=255),
    ("ip6", "dscp"): Selector(Read(Field.DSCP), (IPV6,), words(symbols.DSCP), 63),
    ("tcp", "flags"): Selector(Read(Field.TCP_FLAGS), (protocol(6),), words(symbols.TCP_FLAGS), 255),
    ("icmp", "type"): Selector(Read(Field.ICMP_TYPE), _ICMP, words(symbols.ICMP_TYPES), 255),
    ("icmp", "code"): Selector(Read(Field.ICMP_CODE), _ICMP, words(symbols.ICMP_CODES), 255),
    ("icmpv6", "type"): Selector(Read(Field.ICMP_TYPE), _ICMPV6, words(symbols.ICMPV6_TYPES), 255),
    ("icmpv6", "code"): Selector(Read(Field.ICMP_CODE), _ICMPV6, words(symbols.ICMPV6_CODES), 255),
    ("ether", "type"): Selector(Read(Field.NFPROTO), (), words(symbols.ETHERTYPES), 0xFFFF),
    ("ether", "saddr"): Selector(Read(Field.SMAC), (), mac, (1 << 48) - 1),
    ("ether", "daddr"): Selector(Read(Field.DMAC), (), mac, (1 << 48) - 1),
    # "th" implies nothing: on other protocols it reads whatever stands there (KERNEL-FACTS 2)
    ("th", "sport"): Selector(Read(Field.SPORT), (), highest=0xFFFF),
    ("th", "dport"): Selector(Read(Field.DPORT), (), highest=0xFFFF),
} | {
    (name, port): Selector(Read(field), (protocol(value),), highest=0xFFFF)
    for name, value in _PORTS.items()
    for port, field in (("sport", Field.SPORT), ("dport", Field.DPORT))
}
_HEADER_NEEDS: Final = {"ip": (IPV4,), "ip6": (IPV6,), "icmp": _ICMP, "icmpv6": _ICMPV6} | {
    name: (protocol(value),) for name, value in (*_PORTS.items(), ("esp", 50), ("ah", 51), ("comp", 108))
}
_BOTH_PORTS: Final = Binary("|", Binary("<<", Read(Field.SPORT), Literal(16)), Read(Field.DPORT))
_RAW_PORTS: Final[dict[str, Expr]] = {
    "th,0,16": Read(Field.SPORT),
    "th,16,16": Read(Field.DPORT),
    "th,0,32": _BOTH_PORTS,  # what nft makes of `th sport 5 th dport 6`
}
_FIB_ADDRESS = {"saddr": Field.SADDR, "daddr": Field.DADDR}
_FIB_IFACE = {"iif": Field.IIFNAME, "oif": Field.OIFNAME}


def selector(left: Any) -> Selector:
    """The selector of an expression that reads one value; Opaque where an audit cannot know it."""
    if isinstance(left, dict) and len(left) == 1:
        ((kind, body),) = left.items()
        match kind:
            case "meta":
                return _meta(body)
            case "ct":
                key = body.get("key") if isinstance(body, dict) else body
                known = _CT.get(str(key))
                return known if known and "dir" not in body else Selector(Opaque(f"ct {key}"))
            case "payload":
                return _payload(body)
            case "fib":
                return _fib(body)
            case "exthdr":  # packets that we ask about have none: they are missing, and cannot be compared
                return Selector(ABSENT_HEADER, (IPV6,) if "field" not in body else (IPV6, NEVER))
            case "&" | "|" | "^" | "<<" | ">>":
                return _arithmetic(kind, body)
            case _:
                return Selector(Opaque(_name(kind, body)))
    raise Malformed(f"expression {left!r} is not understood")


def _meta(body: Any) -> Selector:
    key = str(body.get("key") if isinstance(body, dict) else body)
    if key in ("iif", "oif"):
        return _META[f"{key}name"]  # JSON prints the index as a name, and 0 compares like the empty name
    return _META.get(key) or Selector(Opaque(f"meta {key}"))


def _payload(body: dict[str, Any]) -> Selector:
    name = str(body.get("protocol", ""))
    known = _PAYLOAD.get((name, str(body.get("field", ""))))
    if known is not None:
        return known
    ports = _RAW_PORTS.get(f"{body.get('base')},{body.get('offset')},{body.get('len')}")
    if not name and ports is not None:
        return Selector(ports)
    if not name:
        return Selector(Opaque(f"@{body.get('base')},{body.get('offset')},{body.get('len')}"))
    return Selector(Opaque(f"{name} {body.get('field')}"), _HEADER_NEEDS.get(name, ()))


def _fib(body: dict[str, Any]) -> Selector:
    flags = body.get("flags", [])
    flags = [flags] if isinstance(flags, str) else flags
    addresses = [flag for flag in flags if flag in _FIB_ADDRESS]
    ifaces = [flag for flag in flags if flag in _FIB_IFACE]
    result = str(body.get("result"))
    if len(addresses) != 1 or len(ifaces) > 1 or len(flags) != len(addresses) + len(ifaces) + ("mark" in flags):
        return Selector(Opaque(_name("fib", body)))
    iface = _FIB_IFACE[ifaces[0]] if ifaces else None
    question = Fib(_FIB_ADDRESS[addresses[0]], result, iface, "mark" in flags)
    if result == "type":
        return Selector(question, (), words(symbols.ADDRESS_TYPES))
    if result in ("oif", "oifname"):
        named = Fib(question.address, "oifname", question.iface, question.mark)
        return Selector(named, (), interface, (1 << 128) - 1)
    return Selector(Opaque(_name("fib", body)))


def _arithmetic(op: str, body: Any) -> Selector:
    if not isinstance(body, list) or len(body) < 2:
        raise Malformed(f"expression {op!r} is not understood")
    left = selector(body[0])
    expr, needs = left.expr, left.needs
    for item in body[1:]:
        right = operand(item, left)
        expr = _masked(expr, right.expr) if op == "&" else Binary(op, expr, right.expr)
        needs = (*needs, *(need for need in right.needs if need not in needs))
    return Selector(expr, needs, left.value, left.highest)


def _masked(left: Expr, mask: Expr) -> Expr:
    """Two masks are one, and none of the bits is always zero."""
    match left, mask:
        case Binary("&", expr, Literal(one)), Literal(two):
            return Binary("&", expr, Literal(one & two)) if one & two else Literal(0)
        case _:
            return Binary("&", left, mask)


def operand(item: Any, like: Selector) -> Selector:
    """A constant written like the values of ``like``, or another expression."""
    if isinstance(item, dict) and not {"|", "&", "^", "prefix"} & item.keys():
        return selector(item)
    return Selector(Literal(bits(item, like)))


def bits(item: Any, like: Selector) -> int:
    """One number: a value, a list of flags, or flags joined by ``|``."""
    if isinstance(item, list):
        value = 0
        for flag in item:
            value |= bits(flag, like)
        return value
    if isinstance(item, dict) and "|" in item:
        return bits(item["|"], like)
    low, high = like.value(item)
    if low != high:
        raise Malformed(f"value {item!r} is not understood")
    return low


def concat(parts: list[Any]) -> tuple[tuple[Selector, ...], Concat]:
    """The selectors of a concatenation, and its expression."""
    selectors = tuple(selector(part) for part in parts)
    return selectors, Concat(tuple(one.expr for one in selectors))


def _name(kind: str, body: Any) -> str:
    if isinstance(body, dict):
        words_ = " ".join(str(value) for value in body.values() if isinstance(value, str | int))
        return f"{kind} {words_}".strip()
    return kind
