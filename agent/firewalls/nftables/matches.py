"""Matches: what the kernel compares, with the implied conditions spelled out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from agent.errors import Malformed
from agent.firewalls.conntrack import original
from agent.firewalls.nftables import elements, selectors
from agent.firewalls.nftables.elements import Key
from agent.model.expression import (
    Binary,
    Concat,
    Datum,
    Expr,
    Fib,
    Field,
    IntervalTable,
    Literal,
    Lookup,
    NamedSet,
    Opaque,
    Read,
    UnknownTable,
)
from agent.model.firewall import AnyOf, Match
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.firewalls.nftables.selectors import Selector

ADDRESSES = (Field.SADDR, Field.DADDR)
OF_FIRST_PACKET = {"saddr": Field.SADDR, "daddr": Field.DADDR, "proto-src": Field.SPORT, "proto-dst": Field.DPORT}
ADDRESS = elements.TYPES["ipv6_addr"]
PORT = elements.TYPES["inet_service"]


class Matcher:
    """Reads matches of one table; ``sets`` are its named sets by name."""

    def __init__(self, family: str, sets: Mapping[str, NamedSet]) -> None:
        self._family = family
        self._sets = sets
        self._keys: dict[bytes, tuple[tuple[Match, ...], Expr, Key]] = {}
        self._matches: dict[bytes, tuple[Match | AnyOf, ...]] = {}

    def key(self, left: Any) -> tuple[tuple[Match, ...], Expr, Key]:
        """The conditions that reading ``left`` implies, its expression, and how its values are written."""
        written = orjson.dumps(left)  # many rules read the same few fields
        known = self._keys.get(written)
        if known is None:
            known = self._keys[written] = self._key(left)
        return known

    def _key(self, left: Any) -> tuple[tuple[Match, ...], Expr, Key]:
        if isinstance(left, dict) and "concat" in left:
            parts, expr = selectors.concat(left["concat"])
            needs = tuple(dict.fromkeys(need for part in parts for need in part.needs))
            return self._needed(needs), expr, Key(parts)
        one = selectors.selector(left)
        return self._needed(one.needs), one.expr, Key((one,))

    def _needed(self, needs: tuple[Match, ...]) -> tuple[Match, ...]:
        """What the table's own family does not already say."""
        if self._family == "ip":
            return tuple(need for need in needs if need is not selectors.IPV4)
        if self._family == "ip6":
            return tuple(need for need in needs if need is not selectors.IPV6)
        return needs

    def match(self, body: dict[str, Any]) -> tuple[Match | AnyOf, ...]:
        """The steps of one match statement; for one that comes again, other than for addresses, the same."""
        needs, expr, key = self.key(body["left"])
        if type(expr) is Read and expr.field in ADDRESSES:
            return self._match(body, needs, expr, key)
        written = orjson.dumps(body)
        known = self._matches.get(written)
        if known is None:
            first = _of_first_packet(body["left"])
            known = self._first_packet(body, *first) if first else self._match(body, needs, expr, key)
            self._matches[written] = known
        return known

    def _first_packet(self, body: dict[str, Any], where: Field, family: int | None) -> tuple[Match | AnyOf, ...]:
        """``ct original ip daddr``: what the first packet of the connection had."""
        like = {Field.SADDR: ADDRESS, Field.DADDR: ADDRESS}.get(where, PORT)
        right, op = body["right"], body.get("op", "==")
        items = right["set"] if isinstance(right, dict) and "set" in right else [right]
        found = elements.read_set(items, Key((like,)))
        if not isinstance(found, IntervalTable) or op not in ("==", "!="):
            raise Malformed(f"ct original {op} {right!r} is not understood")
        keys = found.keys if op == "==" else found.keys.complement(like.highest)
        needs = self._needed({4: (selectors.IPV4,), 6: (selectors.IPV6,)}.get(family or 0, ()))
        return (*needs, AnyOf(original(where, tuple(keys), f"ct original {where.name.lower()}")))

    def _match(self, body: dict[str, Any], needs: tuple[Match, ...], expr: Expr, key: Key) -> tuple[Match, ...]:
        op, right = body.get("op", "=="), body["right"]
        if type(expr) is Read and expr.field in ADDRESSES and isinstance(right, dict) and "prefix" in right:
            return (*needs, self._compare(op, expr, key.parts[0], right))  # by far the most
        if any(need is selectors.NEVER for need in needs):
            return needs
        if isinstance(expr, Opaque):
            return (*needs, Match(expr, Intervals.single(1)))  # unknown, whatever it is compared with
        if isinstance(right, bool):
            return (*needs, _existence(expr, right))
        if isinstance(right, str) and right.startswith("@"):
            return (*needs, Match(expr, self.named(right), op == "!="))
        if isinstance(right, dict) and "set" in right:
            found = elements.read_set(right["set"], key)
            members = found.keys if isinstance(found, IntervalTable) else NamedSet(found)
            return (*needs, Match(expr, members, op == "!="))
        if isinstance(expr, Concat):
            found = elements.read_set([right], key)
            return (*needs, Match(expr, NamedSet(found), op == "!="))
        return (*needs, self._compare(op, expr, key.parts[0], right))

    def named(self, reference: str) -> NamedSet:
        """A named set or map of this table."""
        known = self._sets.get(reference.removeprefix("@"))
        return known or NamedSet(UnknownTable(f"set {reference} is not listed"), reference)

    def _compare(self, op: str, expr: Expr, like: Selector, right: Any) -> Match:
        if op in ("in", "!"):  # any of these bits, or none of them
            mask = selectors.bits(right, like)
            return Match(Binary("&", expr, Literal(mask)), Intervals.single(0), op == "in")
        if isinstance(right, list):  # nft prints flag lists for implicit tests of bits, too
            low = high = selectors.bits(right, like)
        else:
            low, high = elements.interval(right, like)
        match op:
            case "==":
                return Match(expr, Intervals.span(low, high))
            case "!=":
                return Match(expr, Intervals.span(low, high), negated=True)
            case "<":
                return Match(expr, Intervals.span(0, low - 1))
            case "<=":
                return Match(expr, Intervals.span(0, low))
            case ">":
                return Match(expr, Intervals.span(low + 1, like.highest))
            case ">=":
                return Match(expr, Intervals.span(low, like.highest))
            case _:
                raise Malformed(f"operator {op!r} is not understood")

    def value(self, item: Any, like: Selector) -> tuple[tuple[Match, ...], Expr]:
        """The right side of an assignment: a constant, a field, arithmetic or a map."""
        if isinstance(item, dict) and "map" in item:
            return self.lookup(item["map"], like)
        if isinstance(item, dict) and not {"|", "prefix", "range"} & item.keys():
            needs, expr, _ = self.key(item)
            return needs, expr
        if isinstance(item, dict) and "|" in item and not _all_constant(item["|"]):
            needs, expr, _ = self.key(item)
            return needs, expr
        return (), Literal(selectors.bits(item, like))

    def lookup(self, body: dict[str, Any], like: Selector) -> tuple[tuple[Match, ...], Expr]:
        """A map: what it holds for a key."""
        needs, expr, key = self.key(body["key"])
        data = body["data"]
        if isinstance(data, str):
            table = self.named(data)
        else:
            table = NamedSet(elements.read_map(data["set"], key, lambda item: data_value(item, like)))
        return needs, Lookup(expr, table)


def _of_first_packet(left: Any) -> tuple[Field, int | None] | None:
    """Which field of the connection's first packet an expression reads, and in which family; None for any other."""
    ct = left.get("ct") if isinstance(left, dict) else None
    if not isinstance(ct, dict) or ct.get("dir") != "original":
        return None
    family, _, key = str(ct.get("key")).rpartition(" ")
    where = OF_FIRST_PACKET.get(key)
    return None if where is None else (where, {"ip": 4, "ip6": 6}.get(family))


def _all_constant(items: Any) -> bool:
    return isinstance(items, list) and all(not isinstance(item, dict) for item in items)


def _existence(expr: Expr, wanted: bool) -> Match:  # noqa: FBT001 - JSON's own true and false
    """``exists`` and ``missing``."""
    if expr is selectors.ABSENT_HEADER:
        return Match(expr, Intervals.single(int(wanted)))
    if isinstance(expr, Fib):
        question = replace(expr, result="present")
        return Match(question, Intervals.single(int(wanted)))
    return Match(expr if isinstance(expr, Opaque) else Opaque(str(expr)), Intervals.single(1))


def data_value(item: Any, like: Selector) -> Datum:
    """The data of a map: a number, or a tuple of them for a concatenation (address and port)."""
    if isinstance(item, dict) and "concat" in item:
        address, port = item["concat"]
        return selectors.address(address)[0], selectors.number(port, {})[0]
    if isinstance(item, dict):
        raise Malformed(f"map data {item!r} is not understood")
    return selectors.bits(item, like)
