"""How queries and connections ended, counted by sort: zone, stage, fate, port, family and road."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.evidence import LIKELY, SLOT, SURE, Fared, Slot, is_recent
from agent.model.outcome import Clue, Fate, OutcomeStage
from agent.observe.merge import sort
from agent.observe.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.outcome import Outcome

CLIENTS: Final = 64
"""That are told apart, of one sort."""
ROADS: Final = 16
"""Proxies that are told apart."""
CLUES: Final = 8
CLUE: Final = 200
"""Characters of one."""

Sort = tuple[str | None, OutcomeStage, Fate, str, int, str]


class _End:
    """One sort of outcomes."""

    __slots__ = ("clients", "confidence", "count", "example", "first", "last", "slots")

    def __init__(self, at: float) -> None:
        self.first = self.last = at
        self.count = 0
        self.confidence = -1.0
        self.clients: set[bytes] = set()
        self.example: tuple[Clue, ...] = ()
        self.slots: dict[int, list[int]] = {}


class Ends:
    """Those of one domain, ``most`` sorts; ``hashed`` gives what stands for a client."""

    def __init__(self, most: int, hashed: Callable[[str], bytes]) -> None:
        self._hashed = hashed
        self._sorts: Recent[Sort, _End] = Recent(most)
        self._roads: set[str] = set()

    def add(self, outcome: Outcome, port: str, *, public: bool) -> None:
        """Count one; what was asked has a ``public`` address, or is a proxy."""
        at = outcome.timestamp
        road = "direct" if public or outcome.stage is OutcomeStage.DNS else self._proxy(outcome)
        key = (outcome.zone, outcome.stage, outcome.fate, port, 6 if ":" in outcome.dest_ip else 4, road)
        end = self._sorts.get(key) or _End(at)
        self._sorts.put(key, end)
        end.first, end.last = min(end.first, at), max(end.last, at)
        end.count += 1
        if len(end.clients) < CLIENTS:
            end.clients.add(self._hashed(outcome.src_ip))
        if outcome.confidence >= end.confidence:
            end.confidence = outcome.confidence
            end.example = tuple(_clue(one, outcome) for one in outcome.evidence[:CLUES])
        number = int(at) // SLOT
        counts = end.slots.get(number)
        if counts is None:
            counts = end.slots[number] = [0, 0, 0]
            if len(end.slots) > 1:
                end.slots = {one: found for one, found in end.slots.items() if is_recent(one, end.last)}
        counts[0] += 1
        counts[1] += outcome.confidence >= LIKELY
        counts[2] += outcome.confidence >= SURE

    def prune(self, since: float) -> None:
        """Forget the sorts that came last before then."""
        for key, end in self._sorts.items():
            if end.last < since:
                self._sorts.pop(key)

    def found(self) -> tuple[Fared, ...]:
        """All of them, in order."""
        return tuple(sorted((_fared(*pair) for pair in self._sorts.items()), key=sort))

    @property
    def forgotten(self) -> int:
        """Sorts that were too many."""
        return self._sorts.forgotten

    def _proxy(self, outcome: Outcome) -> str:
        address = f"[{outcome.dest_ip}]" if ":" in outcome.dest_ip else outcome.dest_ip
        road = f"proxy:{address}:{outcome.dest_port}"
        if road not in self._roads and len(self._roads) >= ROADS:
            return "proxy:others"
        self._roads.add(road)
        return road


def _fared(key: Sort, end: _End) -> Fared:
    zone, stage, fate, port, family, road = key
    return Fared(
        zone=zone,
        stage=stage,
        fate=fate,
        port=port,
        family=6 if family == 6 else 4,
        road=road,
        count=end.count,
        first=end.first,
        last=end.last,
        clients=len(end.clients),
        confidence=min(max(end.confidence, 0.0), 1.0),
        slots=tuple(
            Slot(number=number, count=count, likely=likely, sure=sure)
            for number, (count, likely, sure) in sorted(end.slots.items())
            if is_recent(number, end.last)
        ),
        example=end.example,
    )


def _clue(clue: Clue, outcome: Outcome) -> Clue:
    """A clue without the client: of addresses only the server's stays, of ports none that is the client's."""
    facts = tuple(
        (name, value)
        for name, value in clue.facts
        if (isinstance(value, int) and value != outcome.src_port) or value == outcome.dest_ip
    )
    what = clue.what.replace(outcome.src_ip, "the client")
    return Clue(clue.at, what if len(what) <= CLUE else f"{what[: CLUE - 1]}…", facts)
