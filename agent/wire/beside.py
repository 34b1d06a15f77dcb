"""Messages of DNS about names that nobody wants, as most are: read only as far as tells that, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import Malformed, Truncated
from agent.model.evidence import DAY
from agent.wire.dns import RECORD_LIMIT
from agent.wire.dns_names import NAME_LIMIT, OPCODES, name_at

if TYPE_CHECKING:
    from collections.abc import Iterable


class Beside:
    """Tells them from others by the last labels of their names; ``names`` are those that somebody wants.

    What is not as most messages are is left to others, and so is what is broken.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._ends = frozenset(_wire(name.split(".")[-2:]) for name in names)
        self.begin: float | None = None
        """When the first message came."""
        self._questions: dict[int, int] = {}
        self._answers = 0

    def holds(self, data: bytes) -> bool:
        """Whether a message is sound, has one question, and is about a name that nobody wants."""
        size = len(data)
        if size < 17 or data[4] != 0 or data[5] != 1 or data[2] >> 3 & 15 not in OPCODES:
            return False
        at = last = before = 12
        count = data[12]
        if data[13] == 0x5B:  # "[": an address in brackets, or what is taken for one
            return False
        while count != 0:
            if count >= 0x40 or at + count + 1 >= size:
                return False
            before = last
            last = at
            at += count + 1
            count = data[at]
        if at == 12 or at + 5 > size or at - 11 > NAME_LIMIT:
            return False
        end = data[last:at].lower()
        if end in self._ends or data[before:at].lower() in self._ends or b":" in end:
            return False
        records = (data[6] + data[8] + data[10] << 8) + data[7] + data[9] + data[11]
        return records == 0 or _are_sound(data, at + 5, records)

    def count(self, at: float, *, answer: bool) -> None:
        """Count one."""
        if self.begin is None:
            self.begin = at
        if answer:
            self._answers += 1
        else:
            day = int(at) // DAY
            self._questions[day] = self._questions.get(day, 0) + 1

    def counted(self) -> tuple[dict[int, int], int]:
        """Questions by day since 1970, and answers, since this was asked last."""
        found = self._questions, self._answers
        self._questions, self._answers = {}, 0
        return found


def _wire(labels: list[str]) -> bytes:
    return b"".join(bytes((len(one),)) + one.encode() for one in labels)


def _are_sound(data: bytes, at: int, records: int) -> bool:
    """Whether the names of records are as they should be, up to where the capture cut them off."""
    size = len(data)
    known = 12  # the name in the question, as most often; later that of another record
    for _ in range(min(records, RECORD_LIMIT)):
        if at >= size:
            return True
        if data[at] == 0:
            at += 1
        elif data[at] >= 0xC0 and at + 1 < size and (data[at] & 0x3F) << 8 | data[at + 1] == known:
            at += 2
        else:
            begin = at
            try:
                _, at = name_at(data, at)
            except Truncated:
                return True
            except Malformed:
                return False
            if data[begin] >= 0xC0:
                known = (data[begin] & 0x3F) << 8 | data[begin + 1]
        if at + 10 > size:
            return True
        at += 10 + (data[at + 8] << 8 | data[at + 9])
        if at > size:
            return True
    return True
