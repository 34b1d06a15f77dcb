"""``gateproof replay``: what the messages in a capture say."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from agent.cli.files import STANDARD, called, opened, written
from agent.errors import Malformed, UsageError
from agent.observe.records import line
from agent.observe.replay import Replay
from agent.observe.summary import Summary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from agent.cli.captured import Captured
    from agent.model.observation import Observation

BLOCK: Final = 4096
"""Records that are written together."""


def run(arguments: argparse.Namespace) -> int:
    """Write the records, or a table for people."""
    with opened(arguments.capture) as file, written(arguments.output) as output:
        status = os.fstat(file.fileno())
        regular = arguments.capture != STANDARD and stat.S_ISREG(status.st_mode)
        size = status.st_size if regular else None
        evidence = _evidence(arguments) if arguments.evidence else None
        replay = Replay(
            file,
            size,
            arguments.capture if regular else None,
            live=arguments.filter == "live",
            inference=evidence.inference if evidence is not None else None,
        )
        observations = replay if evidence is None else evidence.passing(replay)
        try:
            if arguments.format == "jsonl":
                _records(observations, output.write)
            else:
                output.write("".join(f"{one}\n" for one in _table(replay, observations)).encode())
        except Malformed as error:
            raise UsageError(f"{called(arguments.capture)}: {error}") from error
        if replay.capture.truncated:
            sys.stderr.write(f"gateproof: {called(arguments.capture)} ends within a frame; what was whole was read\n")
        if evidence is not None:
            evidence.save()
    return 0


def _evidence(arguments: argparse.Namespace) -> Captured:
    from agent.cli.captured import Captured  # noqa: PLC0415 - packs take as long to load as a small capture to read

    return Captured(arguments)


def _records(observations: Iterable[Observation], write: Callable[[bytes], object]) -> None:
    waiting: list[bytes] = []
    for observation in observations:
        waiting.append(line(observation))
        if len(waiting) >= BLOCK:
            write(b"".join(waiting))
            waiting.clear()
    write(b"".join(waiting))


def _table(replay: Replay, observations: Iterable[Observation]) -> Iterator[str]:
    summary = Summary()
    with _progress(replay) as tell:
        for number, observation in enumerate(observations):
            summary.add(observation)
            if number % BLOCK == 0:
                tell()
    yield from summary.lines()
    yield ""
    yield f"{replay.dissector.frames} frames, {replay.dissector.malformed} of them or their messages not understood"


@contextmanager
def _progress(replay: Replay) -> Iterator[Callable[[], None]]:
    """A bar where a person is looking and the size is known."""
    if not sys.stderr.isatty() or replay.capture.size is None:
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - loaded only where a person is looking
    from rich.progress import Progress  # noqa: PLC0415 - likewise

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=replay.capture.size)
        yield lambda: bar.update(task, completed=replay.capture.position)
