"""What rules did to sets while a packet passed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from agent.judge.cuts import reads
from agent.judge.packet import ADDED, DNATTED, UNKNOWN, Packet, Value, put
from agent.model.expression import Concat, Expr, Field, Read

if TYPE_CHECKING:
    from agent.model.expression import NamedSet
    from agent.model.firewall import AddToSet

OWN = {Field.DADDR: -3, Field.SADDR: -4}
"""In place of an address in a key: the packet's own, whichever it is (no address is below zero)."""


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

    def swept(self, packet: Packet, field: Field) -> Packet:
        """Give a packet that stands for many addresses in a field records that hold for all of them."""
        return put(packet, ADDED, self._open(packet[ADDED], field)) if packet[ADDED] else packet

    def _open(self, number: int, field: Field) -> int:
        if not number:
            return 0
        record = self._records[number - 1]
        return self._number(record._replace(before=self._open(record.before, field), key=_open(record, field)))

    def vague(self, packet: Packet, other: Packet) -> Packet:
        """Give a packet for which it is not known what another one, before it, did to which elements."""
        number = other[ADDED]
        while number:
            record = self._records[number - 1]
            unknown = record._replace(before=packet[ADDED], key=(UNKNOWN,) * len(record.key))
            packet = put(packet, ADDED, self._number(unknown))
            number = record.before
        return packet

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


def _open(record: _Record, field: Field) -> tuple[int, ...]:
    """The key with the packet's own address in it, whichever that is."""
    if not reads(record.expr, field):
        return record.key
    parts = record.expr.parts if isinstance(record.expr, Concat) else (record.expr,)
    if len(parts) != len(record.key):
        return (UNKNOWN,) * len(record.key)
    return tuple(
        value if value < 0 or not reads(part, field) else OWN[field] if part == Read(field) else UNKNOWN
        for part, value in zip(parts, record.key, strict=True)
    )


def _same(known: tuple[int, ...], asked: tuple[int, ...], packet: Packet) -> bool | None:
    result: bool | None = True
    for noted, other in zip(known, asked, strict=False):
        own = next((field for field, marker in OWN.items() if marker == noted), None)
        # where a mapping changes addresses, which one was noted is not known any more
        value = noted if own is None else UNKNOWN if packet[DNATTED] else packet[own]
        if UNKNOWN in (value, other):
            result = None
        elif value != other:
            return False
    return result
