"""Which questions must have the same answer, because no rule and no route tells their packets apart.

Three zones and three ports are nine questions; where rules look at destinations only, they are one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress, count
from typing import TYPE_CHECKING, Final

from agent.judge.packet import family_of, put
from agent.model.expression import Binary, Concat, Device, Fib, Field, IntervalTable, Lookup, NamedSet, Read
from agent.model.firewall import AddToSet, AnyOf, Assign, Dnat, Match, Notrack, Simple, Snat, Tproxy, Vmap
from agent.model.intervals import Intervals, name_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.judge.packet import Packet
    from agent.judge.routing import Routing
    from agent.model.expression import Expr
    from agent.model.firewall import Firewall, Step

ASKED: Final = {
    Field.IIFNAME: (Field.IIFNAME, Field.OIFNAME),
    Field.SADDR: (Field.SADDR, Field.DADDR),
    Field.L4PROTO: (Field.L4PROTO,),
    Field.SPORT: (Field.SPORT, Field.DPORT),
    Field.DPORT: (Field.SPORT, Field.DPORT),
    Field.TCP_FLAGS: (Field.TCP_FLAGS,),
}
"""The fields in which questions differ, and those where the answers to their packets carry the same values."""

FEW: Final = 1000
"""Intervals of a set up to which an equal one is looked for."""
Signature = tuple[object, ...]


@dataclass(slots=True)
class _Looks:
    """What rules look at in one field."""

    stretches: dict[tuple[int, int], None] = field(default_factory=dict)
    """What it is compared with, by far the most: one stretch of values."""
    members: dict[tuple[int, ...], Intervals] = field(default_factory=dict)
    """The other sets, by their bounds, which are hashed faster."""
    otherwise: bool = False
    """Whether it is looked at in another way, so that every value may count."""
    places: dict[int, frozenset[int]] = field(default_factory=dict)
    """In which of the sets values are, by their order."""

    def compare(self, keys: Intervals) -> None:
        """Note that values are compared with a set."""
        if len(keys.starts) == 1:
            self.stretches[keys.starts[0], keys.ends[0]] = None
            return
        few = len(keys.starts) <= FEW
        self.members[keys.starts + keys.ends if few else (-1, id(keys))] = keys

    def place(self, value: int) -> frozenset[int]:
        """In which of the sets a value is; few values are asked about, but many sets may be."""
        known = self.places.get(value)
        if known is None:
            sets = enumerate(self.members.values(), len(self.stretches))
            within = [low <= value <= high for low, high in self.stretches]
            found = (*compress(count(), within), *(at for at, keys in sets if value in keys))
            known = self.places[value] = frozenset(found)
        return known

    @property
    def compared(self) -> bool:
        """Whether it is looked at at all."""
        return bool(self.stretches or self.members)


class Likeness:
    """Tells for one gateway which packets are alike."""

    def __init__(self, firewall: Firewall, routing: Routing) -> None:
        self._firewall = firewall
        self._routing = routing
        self._looks: dict[int, dict[Field, _Looks]] = {}

    def signature(self, start: Packet) -> Signature:
        """Equal for packets that rules and routing cannot tell apart; whatever is not known to be alike is not."""
        family = family_of(start)
        looks = self._looks.get(family)
        if looks is None:
            looks = self._looks[family] = self._looked_at(family)
        found: list[object] = [family, start[Field.IIFNAME] == 0]
        for asked, fields in ASKED.items():
            value = start[asked]
            if any(looks[one].otherwise or (value < 0 and looks[one].compared) for one in fields):
                found.append(value)
            else:
                found.append(tuple(looks[one].place(value) for one in fields))
        found.append(self._roads(start, looks[Field.OIFNAME]))
        return tuple(found)

    def _looked_at(self, family: int) -> dict[Field, _Looks]:
        looks = {one: _Looks() for one in Field}
        for table in self._firewall.tables:
            if table.covers(family):
                for chain in table.chains.values():
                    if chain.base is not None and (chain.base.devices or table.family == "bridge"):
                        looks[Field.IIFNAME].otherwise = True
                    for rule in chain.rules:
                        for step in rule.steps:
                            if type(step) is Match:  # by far the most
                                _compared(step.expr, step.members, looks)
                            elif type(step) is not Simple:
                                _note(step, looks)
        return looks

    def _roads(self, start: Packet, ways_out: _Looks) -> object:
        """What routing makes of where the packet comes from, and of the way back to there."""
        network = self._routing.network
        if not network.known:
            return start[Field.IIFNAME]
        if any(rule.looks_beyond_destination for rule in network.rules):
            return tuple(start[one] for one in ASKED)
        if not start[Field.IIFNAME]:
            return None
        family, device = family_of(start), name_text(start[Field.IIFNAME])
        if start[Field.SADDR] < 0 or not self._routing.forwards(family, device):
            return start[Field.IIFNAME], start[Field.SADDR]
        if self._routing.reverse_path_fails(start) is not False:
            return start[Field.IIFNAME], start[Field.SADDR]
        back = self._routing.roads(put(put(start, Field.DADDR, start[Field.SADDR]), Field.IIFNAME, 0))
        return tuple(
            (road.way, road.because, ways_out.place(road.device), ways_out.otherwise and road.device) for road in back
        )


def _note(step: Step, looks: dict[Field, _Looks]) -> None:
    match step:
        case AnyOf():
            for one in step.matches:
                _compared(one.expr, one.members, looks)
        case Assign():
            _read(step.value, looks)
        case Notrack():  # to what nobody tracks, an answer by TCP is another thing than one by UDP
            looks[Field.L4PROTO].otherwise = True
        case Tproxy():  # which socket gets it
            looks[Field.L4PROTO].otherwise = looks[Field.DPORT].otherwise = True
        case AddToSet() | Vmap():
            _read(step.key, looks)
        case Dnat() | Snat():
            if step.lookup is not None:
                _read(step.lookup, looks)
            for port in (Field.SPORT, Field.DPORT):
                looks[port].compare(step.ports)
            if isinstance(step, Dnat):  # people are told which port it went to, and redirection asks the interface
                looks[Field.DPORT].otherwise = looks[Field.IIFNAME].otherwise = True
        case _:
            pass


def _compared(expr: Expr, members: Intervals | NamedSet, looks: dict[Field, _Looks]) -> None:
    if not isinstance(expr, Read):
        _read(expr, looks)
    elif isinstance(members, Intervals):
        looks[expr.field].compare(members)
    elif isinstance(members.elements, IntervalTable):
        if members.dynamic:
            looks[expr.field].otherwise = True
        looks[expr.field].compare(members.elements.keys)
    else:
        _read(expr, looks)


def _read(expr: Expr, looks: dict[Field, _Looks]) -> None:
    for one in _fields(expr):
        looks[one].otherwise = True


def _fields(expr: Expr) -> Iterator[Field]:
    match expr:
        case Read():
            yield expr.field
        case Binary():
            yield from _fields(expr.left)
            yield from _fields(expr.right)
        case Concat():
            for part in expr.parts:
                yield from _fields(part)
        case Lookup():
            yield from _fields(expr.key)
        case Fib():
            yield expr.address
            yield Field.IIFNAME  # packets of the loopback are not looked up
            if expr.iface is not None:
                yield expr.iface
        case Device():
            yield expr.interface
        case _:
            pass
