"""Evidence from a capture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.settings import packs_of, settings_of
from agent.model.outcome import Outcome
from agent.observe.inference import Inference
from agent.observe.keep import save
from agent.observe.tally import Tally

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from agent.model.observation import Observation
    from agent.observe.replay import Replay


class Captured:
    """What a capture shows of required domains, gathered as it is read."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        settings = settings_of(arguments)
        needs = [one for pack in packs_of(arguments, settings) for one in pack.requirements()]
        self.inference = Inference(needs)
        self._tally = Tally(needs, os.urandom(32), companions=settings.observe.companions)
        self._path = Path(arguments.evidence)

    def passing(self, replay: Replay) -> Iterator[Observation]:
        """The observations, once they are counted."""
        for one in replay.everything():
            if isinstance(one, Outcome):
                self._tally.outcome(one)
            else:
                self._tally.add(one)
                yield one

    def save(self) -> None:
        """Write it; raises StateError."""
        save(self._tally.observed(), self._path)
