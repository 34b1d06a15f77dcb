"""The store against a model of a few lines, over reports, restarts and lost databases."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store import Reader, Store
from agent.store.reading import Filter
from tests.store.test_lifecycle import START, finding, report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

APART = timedelta(hours=9)
"""Between reports: what comes back every other time does not flap yet."""
Life = tuple[str, str, int, int, str]
"""Status, first seen, count, number of the last event, summary."""


@dataclass
class Step:
    """What one audit finds, with what it says; and what happens before it."""

    found: Mapping[str, str]
    readable: bool = True
    restarted: bool = False
    lost: bool = False
    """The database, while nobody had it open."""
    handle: int = 7


@dataclass
class Model:
    """What should be known."""

    lives: dict[str, Life] = field(default_factory=dict)
    events: list[tuple[int, str, str]] = field(default_factory=list)

    def take(self, step: Step, at: datetime) -> None:
        now = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, summary in step.found.items():
            status, first, count, seq, before = self.lives.get(name, ("", now, 0, 0, ""))
            kind = {"": "opened", "resolved": "reopened"}.get(status) or ("changed" if before != summary else "")
            self.lives[name] = ("open", first, count + 1, self.told(kind, name) if kind else seq, summary)
        gone = [name for name, life in self.lives.items() if life[0] == "open" and name not in step.found]
        for name in sorted(gone, key=lambda one: finding(one, START).uid) if step.readable else ():
            _, first, count, _, summary = self.lives[name]
            self.lives[name] = ("resolved", first, count, self.told("resolved", name), summary)

    def told(self, kind: str, name: str) -> int:
        self.events.append((len(self.events) + 1, kind, name))
        return len(self.events)


STEPS = st.lists(
    st.builds(
        Step,
        found=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["stopped", "slow"]), max_size=4),
        readable=st.sampled_from([True, True, True, False]),
        restarted=st.booleans(),
        lost=st.sampled_from([False, False, False, True]),
        handle=st.integers(0, 99),
    ),
    max_size=8,
)


@settings(max_examples=40)
@given(STEPS)
def test_the_store_knows_what_the_model_knows(steps: list[Step]) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(folder)
        for number, step in enumerate(steps):
            if step.restarted or step.lost:
                store.close()
                if step.lost:
                    (folder / "gateproof.db").unlink()
                store = Store(folder)
            at = START + number * APART
            found = [
                finding(one, at, summary=f"{summary} by handle {step.handle}", handle=step.handle)
                for one, summary in step.found.items()
            ]
            store.record(report(at, *found, status="ok" if step.readable else "failed"), at)
            model.take(step, at)
            check(folder, model)
        store.close()


def check(folder: Path, model: Model) -> None:
    reader = Reader(folder)
    with reader.snapshot(Filter(status=frozenset())) as (version, chunks):
        found = sorted((orjson.loads(body) for chunk in chunks for body in chunk), key=lambda one: one["uid"])
    reader.close()
    assert orjson.loads((folder / "findings.json").read_bytes())["findings"] == found
    lives = {
        one["subject"]["name"]: (
            one["status"], one["first_seen"], one["count"], one["seq"], one["summary"].partition(" ")[0]
        )
        for one in found
    }  # fmt: skip
    assert lives == model.lives
    assert version.seq == len(model.events)
    events = [orjson.loads(line) for line in (folder / "findings.jsonl").read_bytes().splitlines()] if found else []
    assert [(one["seq"], one["event"], one["finding"]["subject"]["name"]) for one in events] == model.events
