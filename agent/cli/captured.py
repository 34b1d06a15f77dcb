"""What became of required names in a capture, and the evidence from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.settings import packs_of, settings_of
from agent.model.names import apex_of
from agent.model.outcome import Outcome
from agent.observe.inference import Inference
from agent.observe.keep import save
from agent.observe.tally import Tally

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from agent.model.observation import Observation


class Captured:
    """What packs make of a capture as it is read."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        settings = settings_of(arguments)
        needs = [one for pack in packs_of(arguments, settings) for one in pack.requirements()]
        self.inference = Inference(needs)
        self._apexes = sorted({apex_of(one.pattern).encode() for one in needs})
        self._tally: Tally | None = None
        if arguments.evidence:
            self._tally = Tally(needs, os.urandom(32), companions=settings.observe.companions)
            self._path = Path(arguments.evidence)

    def mentioned(self, records: bytes) -> bool:
        """Whether records may name something that is required."""
        return any(one in records for one in self._apexes)

    def passing(self, found: Iterable[Observation | Outcome]) -> Iterator[Observation | Outcome]:
        """Observations and outcomes, once they are counted."""
        tally = self._tally
        for one in found:
            if tally is not None:
                if isinstance(one, Outcome):
                    tally.outcome(one)
                else:
                    tally.add(one)
            yield one

    def save(self) -> None:
        """Write the evidence, if it is wanted; raises StateError."""
        if self._tally is not None:
            save(self._tally.observed(), self._path)
