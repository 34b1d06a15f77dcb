"""What rules did to sets while a packet passed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from agent.judge.cuts import reads
from agent.judge.packet import ADDED, DNATTED, SWEPT, UNKNOWN, Packet, Value, put
from agent.model.firewall import Concat, Expr, Field, Read

if TYPE_CHECKING:
    from agent.model.firewall import AddToSet, NamedSet

DESTINATION = Read(Field.DADDR)


class _Record(NamedTuple):
    """One change of a set; ``before`` is the number of the record before it, 0 for none."""

    before: int
    target: NamedSet
    expr: Expr
    key: tuple[int, ...]
    present: bool


@dataclass(slots=True)
class Ledger:
    """Set elements that rules added or deleted while the packet passed; packets hold the record's number."""

    _records: list[_Record] = field(default_factory=list)
    _numbers: dict[_Record, int] = field(default_factory=dict)

    def note(self, packet: Packet, action: AddToSet, key: Value) -> Packet:
        """Give the packet with one more record."""
        parts = key if isinstance(key, tuple) else (key,)
        record = _Record(packet[ADDED], action.target, action.key, parts, not action.delete)
        return put(packet, ADDED, self._number(record))

    def _number(self, record: _Record) -> int:
        known = self._numbers.get(record)
        if known is None:
            self._records.append(record)
            known = self._numbers[record] = len(self._records)
        return known

    def changed(self, packet: Packet) -> frozenset[NamedSet]:
        """The sets that were changed on this packet's way."""
        found: set[NamedSet] = set()
        number = packet[ADDED]
        while number:
            number, target, *_ = self._records[number - 1]
            found.add(target)
        return frozenset(found)

    def swept(self, packet: Packet) -> Packet:
        """Give a packet that stands for many destinations records that hold for all of them."""
        return put(packet, ADDED, self._open(packet[ADDED])) if packet[ADDED] else packet

    def _open(self, number: int) -> int:
        if not number:
            return 0
        record = self._records[number - 1]
        return self._number(record._replace(before=self._open(record.before), key=_open(record)))

    def state(self, packet: Packet, target: NamedSet, key: Value) -> bool | None:
        """Say whether the key was added (True) or deleted (False) on this packet's way; None: it may have been.

        Raises LookupError where nothing was done to it.
        """
        asked = key if isinstance(key, tuple) else (key,)
        number = packet[ADDED]
        while number:
            record = self._records[number - 1]
            if record.target is target and (same := _same(record.key, asked, packet)) is not False:
                return None if same is None else record.present
            number = record.before
        raise LookupError


def _open(record: _Record) -> tuple[int, ...]:
    """The key with the packet's own destination in it, whichever that is."""
    if not reads(record.expr, Field.DADDR):
        return record.key
    parts = record.expr.parts if isinstance(record.expr, Concat) else (record.expr,)
    if len(parts) != len(record.key):
        return (UNKNOWN,) * len(record.key)
    return tuple(
        SWEPT if part == DESTINATION else UNKNOWN if reads(part, Field.DADDR) else value
        for part, value in zip(parts, record.key, strict=True)
    )


def _same(known: tuple[int, ...], asked: tuple[int, ...], packet: Packet) -> bool | None:
    result: bool | None = True
    for noted, other in zip(known, asked, strict=False):
        # a mapping has changed the destination since: which address was noted is not known any more
        value = noted if noted != SWEPT else UNKNOWN if packet[DNATTED] else packet[Field.DADDR]
        if UNKNOWN in (value, other):
            result = None
        elif value != other:
            return False
    return result
