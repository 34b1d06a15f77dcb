"""What was seen, shown and kept back, as numbers only."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from agent.observe.records import KINDS
from agent.observe.ring import Statistics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.observation import Message, Observation


def label(message: Message) -> str:
    """``tls client_hello``: what sort of message it is."""
    kind, event = KINDS[type(message)]
    return f"{kind} {event if event is not None else getattr(message, 'event', '')}"


class Counts:
    """Adds up; those of several processes may be put together."""

    def __init__(self) -> None:
        self.shown: Counter[str] = Counter()
        self.kept_back: Counter[str] = Counter()
        self.interfaces: dict[str, Statistics] = {}
        self.logs: dict[str, dict[str, int]] = {}
        """Of files that are followed."""
        self.frames = 0
        self.malformed = 0

    def add(self, observation: Observation, *, shown: bool) -> None:
        """Count one."""
        (self.shown if shown else self.kept_back)[label(observation.message)] += 1

    def beside(self, questions: int, answers: int) -> None:
        """Count messages of DNS that are no observations."""
        if questions:
            self.kept_back["dns query"] += questions
        if answers:
            self.kept_back["dns response"] += answers

    def document(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "frames": self.frames,
            "malformed": self.malformed,
            "shown": dict(sorted(self.shown.items())),
            "kept_back": dict(sorted(self.kept_back.items())),
            "interfaces": {
                name: {"packets": one.packets, "drops": one.drops, "freezes": one.freezes}
                for name, one in sorted(self.interfaces.items())
            },
        } | ({"logs": dict(sorted(self.logs.items()))} if self.logs else {})

    def merge(self, document: dict[str, Any]) -> None:
        """Add those of another process, as its ``document`` says them."""
        self.frames += document["frames"]
        self.malformed += document["malformed"]
        self.shown.update(document["shown"])
        self.kept_back.update(document["kept_back"])
        self.logs.update(document.get("logs", {}))
        for name, one in document["interfaces"].items():
            self.interfaces[name] = self.interfaces.get(name, Statistics()).plus(Statistics(**one))

    def record(self, timestamp: float) -> bytes:
        """One record of JSON Lines, with its line end."""
        return orjson.dumps({"type": "stats", "event": "tap", "timestamp": timestamp} | self.document()) + b"\n"

    def lines(self) -> Iterator[str]:
        """For people."""
        shown, kept_back = self.shown.total(), self.kept_back.total()
        yield f"{shown + kept_back} messages, {shown} of them shown"
        for what in sorted(self.shown | self.kept_back):
            yield f"  {what.replace('_', ' '):<26} {self.shown[what]:>9}  and {self.kept_back[what]} kept back"
        for name, one in sorted(self.interfaces.items()):
            lost = f", {one.drops} DROPPED because the ring was full" if one.drops else ", none dropped"
            yield f"{name}: {one.packets} packets{lost}"
        for path, found in sorted(self.logs.items()):
            yield (
                f"{path}: {found['lines']} lines, {found['malformed']} of them not understood, "
                f"{found['too_long']} more too long"
            )
        yield f"{self.frames} frames, {self.malformed} of them or their messages not understood"
