"""``gateproof replay``: what the messages in a capture, or the lines of a log, say."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from agent.cli.captured import Captured
from agent.cli.files import STANDARD, called, opened, written
from agent.cli.logged import LogReading, is_log
from agent.errors import Malformed, UsageError
from agent.model.outcome import Outcome
from agent.observe import outcome_records
from agent.observe.records import line
from agent.observe.replay import Replay
from agent.observe.replay_shared import SharedReplay, pays
from agent.observe.summary import Summary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from agent.model.observation import Observation
    from agent.observe.inference import Inference

BLOCK: Final = 4096
"""Records that are written together."""


class Reading:
    """A capture as it is read, once or twice."""

    def __init__(self, arguments: argparse.Namespace, file: BinaryIO) -> None:
        status = os.fstat(file.fileno())
        self._file = file
        self._live = arguments.filter == "live"
        self._path = arguments.capture if arguments.capture != STANDARD and stat.S_ISREG(status.st_mode) else None
        self._size = status.st_size if self._path is not None else None
        self.captured = Captured(arguments)
        # most captures name nothing that a pack requires: whether it is worth the while shows from their records
        self.twice = self._path is not None and not arguments.evidence
        self.replay = self._begun(None)
        self._shared: SharedReplay | None = None

    def records(self) -> Iterator[bytes]:
        """Records of observations and outcomes, many in one piece."""
        if not self.twice:
            yield from _blocks(self.everything())
            return
        mentioned = False
        for block in self._observations():
            mentioned = mentioned or self.captured.mentioned(block)
            yield block
        if mentioned:
            self._file.seek(0)
            yield from _blocks(one for one in self.everything() if isinstance(one, Outcome))

    def _observations(self) -> Iterator[bytes]:
        if self._live and self._path is not None and self._size is not None and pays(self._path, self._size):
            self._shared = SharedReplay(self._path)
            return self._shared.blocks()
        return _blocks(self.replay)

    @property
    def truncated(self) -> bool:
        """Whether the capture ended within a frame."""
        return self.replay.truncated or (self._shared is not None and self._shared.truncated)

    def everything(self) -> Iterator[Observation | Outcome]:
        """Observations and outcomes in the order of time."""
        self.replay = self._begun(self.captured.inference)
        return self.captured.passing(self.replay.everything())

    @property
    def size(self) -> int | None:
        """Bytes of the file, where they are known."""
        return self.replay.capture.size

    @property
    def position(self) -> int:
        """Bytes of the file that were read."""
        return self.replay.capture.position

    def summed(self) -> str:
        """What was read, in one line."""
        dissector = self.replay.dissector
        return f"{dissector.frames} frames, {dissector.malformed} of them or their messages not understood"

    def _begun(self, inference: Inference | None) -> Replay:
        return Replay(self._file, self._size, self._path, live=self._live, inference=inference)


def run(arguments: argparse.Namespace) -> int:
    """Write the records, or a table for people."""
    with opened(arguments.capture) as file, written(arguments.output) as output:
        if arguments.layout or is_log(file):
            reading: Reading | LogReading = LogReading(arguments, file)
        else:
            reading = Reading(arguments, file)
        try:
            if arguments.format == "jsonl":
                for block in reading.records() if isinstance(reading, Reading) else _blocks(reading.everything()):
                    output.write(block)
            else:
                output.write("".join(f"{one}\n" for one in _table(reading)).encode())
        except Malformed as error:
            nothing = isinstance(reading, Reading) and not reading.replay.dissector.frames
            known = ", and no log of a kind that is known" if nothing else ""
            raise UsageError(f"{called(arguments.capture)}: {error}{known}") from error
        if reading.truncated:
            sys.stderr.write(f"gateproof: {called(arguments.capture)} ends within a frame; what was whole was read\n")
        if isinstance(reading, LogReading):
            for note in reading.notes():
                sys.stderr.write(f"gateproof: {called(arguments.capture)}: {note}\n")
        reading.captured.save()
    return 0


def _blocks(found: Iterable[Observation | Outcome]) -> Iterator[bytes]:
    """Their records, many in one piece."""
    waiting: list[bytes] = []
    for one in found:
        waiting.append(outcome_records.line(one) if isinstance(one, Outcome) else line(one))
        if len(waiting) >= BLOCK:
            yield b"".join(waiting)
            waiting.clear()
    yield b"".join(waiting)


def _table(reading: Reading | LogReading) -> Iterator[str]:
    summary = Summary()
    found = reading.everything()
    with _progress(reading) as tell:
        for number, one in enumerate(found):
            if isinstance(one, Outcome):
                summary.outcome(one)
            else:
                summary.add(one)
            if number % BLOCK == 0:
                tell()
    yield from summary.lines()
    yield ""
    yield reading.summed()


@contextmanager
def _progress(reading: Reading | LogReading) -> Iterator[Callable[[], None]]:
    """A bar where a person is looking and the size is known."""
    if not sys.stderr.isatty() or reading.size is None:
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - loaded only where a person is looking
    from rich.progress import Progress  # noqa: PLC0415 - likewise

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=reading.size)
        yield lambda: bar.update(task, completed=reading.position)
