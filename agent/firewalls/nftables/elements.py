"""Sets and maps: the elements of nft's JSON as intervals and boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.errors import Malformed
from agent.firewalls.nftables import selectors, symbols
from agent.firewalls.nftables.selectors import Selector
from agent.firewalls.protocols import PROTOCOLS
from agent.model.expression import Box, BoxTable, Datum, Elements, IntervalTable, Literal, UnknownTable, interval_map
from agent.model.intervals import Interval, Intervals
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CATCH_ALL = "*"
ZERO = Literal(0)
TYPES = {
    "ipv4_addr": Selector(ZERO, (), selectors.address),
    "ipv6_addr": Selector(ZERO, (), selectors.address, (1 << 128) - 1),
    "ifname": Selector(ZERO, (), selectors.interface, (1 << 128) - 1),
    "iface_index": Selector(ZERO, (), selectors.interface, (1 << 128) - 1),
    "inet_service": Selector(ZERO, highest=0xFFFF),
    "inet_proto": Selector(ZERO, (), selectors.words(PROTOCOLS), 255),
    "nf_proto": Selector(ZERO, (), selectors.words(symbols.NFPROTOS), 255),
    "ether_addr": Selector(ZERO, (), selectors.mac, (1 << 48) - 1),
    "mark": Selector(ZERO),
    "ct_state": Selector(ZERO, (), selectors.words(symbols.CT_STATES)),
    "ct_dir": Selector(ZERO, (), selectors.words(symbols.CT_DIRECTIONS), 255),
    "ct_status": Selector(ZERO, (), selectors.words(symbols.CT_STATUS)),
    "icmp_type": Selector(ZERO, (), selectors.words(symbols.ICMP_TYPES), 255),
    "icmp_code": Selector(ZERO, (), selectors.words(symbols.ICMP_CODES), 255),
    "icmpv6_type": Selector(ZERO, (), selectors.words(symbols.ICMPV6_TYPES), 255),
    "icmpv6_code": Selector(ZERO, (), selectors.words(symbols.ICMPV6_CODES), 255),
    "tcp_flag": Selector(ZERO, (), selectors.words(symbols.TCP_FLAGS), 255),
    "dscp": Selector(ZERO, (), selectors.words(symbols.DSCP), 63),
    "fib_addrtype": Selector(ZERO, (), selectors.words(symbols.ADDRESS_TYPES)),
    "pkt_type": Selector(ZERO, (), selectors.words(symbols.PKTTYPES), 255),
    "ether_type": Selector(ZERO, (), selectors.words(symbols.ETHERTYPES), 0xFFFF),
    "uid": Selector(ZERO),
    "gid": Selector(ZERO),
}
"""Datatypes of declared sets; only how a value is written matters here."""


@record
class Key:
    """How the keys of a set are written: one selector for each dimension."""

    parts: tuple[Selector, ...]


def declared_key(kind: Any) -> Key | None:
    """The key of a set's declared type; None for a type that is not modelled."""
    names = kind if isinstance(kind, list) else [kind]
    parts = tuple(TYPES.get(str(name)) for name in names)
    known = tuple(part for part in parts if part is not None)
    return Key(known) if len(known) == len(parts) else None


def read_set(items: Sequence[Any], key: Key) -> Elements:
    """The elements of a set."""
    return _read([(item, None) for item in items], key)


def read_map(items: Sequence[Any], key: Key, datum: Callable[[Any], Datum]) -> Elements:
    """The elements of a map or verdict map; ``datum`` reads the right sides."""
    pairs: list[tuple[Any, Datum | None]] = []
    for item in items:
        if not isinstance(item, list) or len(item) != 2:
            return UnknownTable(f"element {item!r} is not understood")
        try:
            pairs.append((item[0], datum(item[1])))
        except Malformed as error:
            return UnknownTable(str(error))
    return _read(pairs, key)


def _read(pairs: list[tuple[Any, Datum | None]], key: Key) -> Elements:
    try:
        boxes = [(_sides(_bare(item), key), data) for item, data in pairs if _bare(item) != CATCH_ALL]
    except (Malformed, ValueError, TypeError, KeyError) as error:
        return UnknownTable(str(error))
    rest = [(item, data) for item, data in pairs if _bare(item) == CATCH_ALL]
    if len(key.parts) > 1:
        everything = tuple((0, part.highest) for part in key.parts)
        return BoxTable((*(Box(sides, data) for sides, data in boxes), *(Box(everything, data) for _, data in rest)))
    spans = [(sides[0], data) for sides, data in boxes]
    if rest:
        others = Intervals.of(span for span, _ in spans).complement(key.parts[0].highest)
        spans += [(span, rest[0][1]) for span in others]
    if all(data is None for _, data in spans):
        return IntervalTable(Intervals.of(span for span, _ in spans))
    return interval_map((span, data) for span, data in spans if data is not None)


def _bare(item: Any) -> Any:
    """An element without timeout, comment and counter."""
    while isinstance(item, dict) and "elem" in item:
        item = item["elem"]["val"]
    return item


def _sides(item: Any, key: Key) -> tuple[Interval, ...]:
    if isinstance(item, dict) and "concat" in item:
        parts = item["concat"]
        if len(parts) != len(key.parts):
            raise Malformed(f"element {item!r} has {len(parts)} parts, its type {len(key.parts)}")
        return tuple(interval(part, like) for part, like in zip(parts, key.parts, strict=True))
    if len(key.parts) != 1:
        raise Malformed(f"element {item!r} is no concatenation")
    return (interval(item, key.parts[0]),)


def interval(item: Any, like: Selector) -> Interval:
    """One value, range, prefix, or flags joined by ``|``."""
    if isinstance(item, dict):
        if "range" in item:
            low, high = item["range"]
            return like.value(low)[0], like.value(high)[1]
        if "prefix" in item:
            return selectors.prefix(item["prefix"])
        if "|" in item:
            value = selectors.bits(item, like)
            return value, value
        raise Malformed(f"value {item!r} is not understood")
    if item == CATCH_ALL and like.value is not selectors.interface:
        return 0, like.highest
    return like.value(item)
