"""What rules did to sets while a packet passed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.judge.packet import ADDED, Packet, Value, put

if TYPE_CHECKING:
    from agent.model.firewall import NamedSet


@dataclass(slots=True)
class Ledger:
    """Set elements that rules added or deleted while the packet passed; packets hold the record's number."""

    _records: list[tuple[int, NamedSet, Value, bool]] = field(default_factory=list)

    def note(self, packet: Packet, target: NamedSet, key: Value, *, present: bool) -> Packet:
        """Give the packet with one more record."""
        record = (packet[ADDED], target, key, present)
        if record not in self._records:
            self._records.append(record)
        return put(packet, ADDED, self._records.index(record) + 1)

    def state(self, packet: Packet, target: NamedSet, key: Value) -> bool | None:
        """Say whether the key was added (True) or deleted (False) on this packet's way, else None."""
        number = packet[ADDED]
        while number:
            number, where, what, present = self._records[number - 1]
            if where is target and what == key:
                return present
        return None
