"""Statements: one reader for each key of nft's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agent.errors import Malformed
from agent.firewalls.nftables import elements, joined, selectors
from agent.firewalls.nftables.matches import Matcher, data_value
from agent.firewalls.nftables.selectors import Selector
from agent.model.expression import Datum, Expr, Field, Literal, Lookup, NamedSet, Read
from agent.model.firewall import (
    AddToSet,
    Assign,
    Dnat,
    Jump,
    Match,
    Notrack,
    NotUnderstood,
    Queue,
    Reject,
    Simple,
    Snat,
    Step,
    Tproxy,
    Uncertain,
    Vmap,
)
from agent.model.intervals import Intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ADDRESS: Final = Selector(Literal(0), (), selectors.address, (1 << 128) - 1)
PORT: Final = Selector(Literal(0), highest=0xFFFF)
WRITABLE: Final = frozenset({
    Field.MARK, Field.CT_MARK, Field.SADDR, Field.DADDR, Field.SPORT, Field.DPORT, Field.TTL, Field.DSCP,
})  # fmt: skip
NO_EFFECT: Final = frozenset({
    "counter", "log", "comment", "last", "ct helper", "ct timeout", "ct expectation", "secmark", "dup", "flow",
})  # fmt: skip
"""Statements that neither stop this packet nor change what a later rule sees of it."""
UNKNOWABLE: Final = {"limit": "limit", "quota": "quota", "ct count": "ct count"}


class Reader:
    """Reads the statements of one table's rules."""

    def __init__(self, family: str, sets: Mapping[str, NamedSet]) -> None:
        self._family = family
        self._matcher = Matcher(family, sets)
        self._readers: dict[str, Callable[[Any], tuple[Step, ...]]] = {
            "match": self._matcher.match,
            "accept": lambda _: (Simple.ACCEPT,),
            "drop": lambda _: (Simple.DROP,),
            "return": lambda _: (Simple.RETURN,),
            "continue": lambda _: (Simple.CONTINUE,),
            "jump": lambda body: (Jump(body["target"]),),
            "goto": lambda body: (Jump(body["target"], goto=True),),
            "reject": self._reject,
            "queue": lambda body: (Queue("bypass" in str((body or {}).get("flags", ""))),),
            "vmap": self._vmap,
            "mangle": self._mangle,
            "dnat": self._dnat,
            "redirect": self._redirect,
            "snat": self._snat,
            "masquerade": lambda body: (Snat(Intervals(), _ports(body or {}), masquerade=True),),
            "tproxy": self._tproxy,
            "notrack": lambda _: (Notrack.NOTRACK,),
            "set": self._set,
        }

    def read_joined(self, statements: list[Any]) -> tuple[Step, ...]:
        """The steps of one rule of an nft that joins comparisons."""
        steps: list[Step] = []
        done = 0
        for first, last in joined.runs(statements):
            steps += self.read(statements[done:first])
            steps += joined.either(self.read(statements[first:last]))
            done = last
        return (*steps, *self.read(statements[done:]))

    def read(self, statements: list[Any]) -> tuple[Step, ...]:
        """The steps of one rule; what is not understood stays in place as such."""
        steps: list[Step] = []
        for statement in statements:
            if not isinstance(statement, dict) or len(statement) != 1:
                steps.append(NotUnderstood(str(statement)[:80]))
                continue
            ((kind, body),) = statement.items()
            reader = self._readers.get(kind)
            if reader is None:
                if kind in UNKNOWABLE:
                    steps.append(Uncertain(_unknowable(kind, body)))
                elif kind not in NO_EFFECT:
                    steps.append(_not_understood(kind, body, _extension(kind, body)))
                continue
            try:
                steps += reader(body)
            except (Malformed, KeyError, TypeError, ValueError) as error:
                steps.append(_not_understood(kind, body, f"{kind}: {error}"))
        return tuple(steps)

    def _reject(self, body: Any) -> tuple[Step, ...]:
        kind = (body or {}).get("type")
        if kind == "tcp reset":
            return selectors.protocol(6), Reject("tcp reset")
        default = {"ip": "icmp", "ip6": "icmpv6"}.get(self._family, "icmpx")
        needs: tuple[Step, ...] = ()
        if self._family not in ("ip", "ip6"):
            needs = {"icmp": (selectors.IPV4,), "icmpv6": (selectors.IPV6,)}.get(str(kind), ())
        return *needs, Reject(f"{kind or default} {(body or {}).get('expr', 'port-unreachable')}")

    def _vmap(self, body: dict[str, Any]) -> tuple[Step, ...]:
        needs, expr, key = self._matcher.key(body["key"])
        data = body["data"]
        if isinstance(data, str):
            return *needs, Vmap(expr, self._matcher.named(data))
        return *needs, Vmap(expr, NamedSet(elements.read_map(data["set"], key, read_verdict)))

    def _mangle(self, body: dict[str, Any]) -> tuple[Step, ...]:
        target = selectors.selector(body["key"])
        if not isinstance(target.expr, Read) or target.expr.field not in WRITABLE:
            return ()  # priority, nftrace, TCP options...: no rule that we read looks at them
        needs, value = self._matcher.value(body["value"], target)
        own = target.needs if "payload" in body["key"] else ()
        if self._family in ("ip", "ip6"):
            own = tuple(need for need in own if need not in (selectors.IPV4, selectors.IPV6))
        return *own, *needs, Assign(target.expr.field, value)

    def _dnat(self, body: dict[str, Any]) -> tuple[Step, ...]:
        needs = self._family_of(body)
        family = {"ip": 4, "ip6": 6}.get(str(body.get("family", self._family)))
        netmap = "netmap" in str(body.get("flags", ""))
        address = body.get("addr")
        if isinstance(address, dict) and "map" in address:
            if netmap:
                return *needs, Dnat(Intervals.span(0, 1), Intervals(), family=family)  # depends on the address
            more, lookup = self._matcher.lookup(address["map"], ADDRESS)
            return *needs, *more, Dnat(Intervals(), _ports(body), family=family, lookup=_lookup(lookup))
        return *needs, Dnat(_addresses(address), _ports(body), netmap=netmap, family=family)

    def _redirect(self, body: Any) -> tuple[Step, ...]:
        port = (body or {}).get("port")
        if isinstance(port, dict) and "map" in port:
            return (NotUnderstood("redirect to a map"),)
        return (Dnat(Intervals(), _ports(body or {}), redirect=True),)

    def _snat(self, body: dict[str, Any]) -> tuple[Step, ...]:
        needs = self._family_of(body)
        netmap = "netmap" in str(body.get("flags", ""))
        address = body.get("addr")
        if isinstance(address, dict) and "map" in address:
            if netmap:
                return *needs, Snat(Intervals.span(0, 1), Intervals())  # depends on the address
            more, lookup = self._matcher.lookup(address["map"], ADDRESS)
            return *needs, *more, Snat(Intervals(), _ports(body), lookup=_lookup(lookup))
        return *needs, Snat(_addresses(address), _ports(body), netmap=netmap)

    def _family_of(self, body: dict[str, Any]) -> tuple[Match, ...]:
        if self._family in ("ip", "ip6"):
            return ()
        return {"ip": (selectors.IPV4,), "ip6": (selectors.IPV6,)}.get(str(body.get("family")), ())

    def _tproxy(self, body: dict[str, Any]) -> tuple[Step, ...]:
        address, port = body.get("addr"), body.get("port")
        where = selectors.address(address)[0] if isinstance(address, str) else None
        return *self._family_of(body), Tproxy(port if isinstance(port, int) else None, where)

    def _set(self, body: dict[str, Any]) -> tuple[Step, ...]:
        element = body["elem"]
        limited = body.get("stmt", [])
        if isinstance(element, dict) and "elem" in element:
            element = element["elem"]["val"]
        needs, expr, _ = self._matcher.key(element)
        doubts = tuple(Uncertain(_unknowable(kind, one[kind])) for one in limited for kind in one if kind in UNKNOWABLE)
        target = self._matcher.named(body["set"])
        return *needs, *doubts, AddToSet(target, expr, delete=body.get("op") == "delete")


def read_verdict(item: Any) -> Datum:
    """The right side of a verdict map."""
    if isinstance(item, dict) and len(item) == 1:
        ((kind, body),) = item.items()
        if kind in ("accept", "drop", "return", "continue"):
            return Simple(kind)
        if kind in ("jump", "goto"):
            return Jump(body["target"], goto=kind == "goto")
    raise Malformed(f"verdict {item!r} is not understood")


def read_data(kind: Any) -> Callable[[Any], Datum]:
    """The reader for the right sides of a named map of this type."""
    if kind == "verdict":
        return read_verdict
    like = elements.declared_key(kind) if not isinstance(kind, list) else None
    return lambda item: data_value(item, like.parts[0] if like else PORT)


def _lookup(expr: Expr) -> Lookup:
    if not isinstance(expr, Lookup):
        raise Malformed("a mapping to something that is no map")
    return expr


def _addresses(item: Any) -> Intervals:
    if item is None:
        return Intervals()
    return Intervals.span(*elements.interval(item, ADDRESS))


def _ports(body: dict[str, Any]) -> Intervals:
    port = body.get("port")
    return Intervals() if port is None else Intervals.span(*elements.interval(port, PORT))


def _unknowable(kind: str, body: Any) -> str:
    if isinstance(body, str):
        return f'{UNKNOWABLE[kind]} "{body}"'
    if kind == "limit":
        return f"limit rate {'over ' if body.get('inv') else ''}{body.get('rate')}/{body.get('per', 'second')}"
    return UNKNOWABLE[kind]


def _not_understood(kind: str, body: Any, what: str) -> Step:
    """Tell conditions from what could do anything."""
    if kind == "match" or (kind == "xt" and isinstance(body, dict) and body.get("type") == "match"):
        return Uncertain(what, understood=False)
    return NotUnderstood(what)


def _extension(kind: str, body: Any) -> str:
    if kind == "xt" and isinstance(body, dict):
        return f"iptables {body.get('type', 'extension')} {body.get('name', '')}".strip()
    return kind
