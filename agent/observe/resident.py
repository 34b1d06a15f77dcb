"""The tap of the daemon: a process that has no rights once it watches, and writes evidence to its standard output.

It is ``python -m agent.observe.resident CONFIG PARENT``: the configuration file (empty: the default) and the process
that it ends with. Each line that it writes is a JSON object: evidence since it began, or ``tell`` or ``error`` with
words for a person. What it is told ends with SIGTERM. Interfaces that come, go or change are its parent's affair, which
then starts another one: this one can open nothing any more.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import orjson

from agent.observe import lean  # first: what hashes is loaded otherwise then

# isort: split
from agent.errors import GateproofError
from agent.observe.asked import Asked
from agent.observe.confine import close_in, end_with, give_up_rights
from agent.observe.inference import Inference
from agent.observe.keep import written
from agent.observe.privacy import Names
from agent.observe.tally import Tally
from agent.observe.tap import Tap
from agent.observe.tap_apart import apart
from agent.observe.tap_interfaces import hops
from agent.observe.warm import warm
from agent.wire.beside import Beside

PERIOD: Final = 60.0
"""Seconds between two documents."""
DENIED: Final = 3
"""The exit status where rights are missing: trying again does not help."""
TROUBLE: Final = 2


def main(config: str, parent: int) -> int:
    """Watch until told to end; gives the exit status."""
    # this may come after the parent's end; then nobody would ever tell
    if not end_with(parent):
        return 0
    try:
        asked = apart(lambda: _asked(config))
        beside = None if asked.companions else Beside(Names(asked.requirements).all())
        tap, tally, inference = _opened(asked, beside)
        _confine()
    except GateproofError as error:
        _say({"error": str(error)})
        return DENIED if "CAP_NET_RAW" in str(error) else TROUBLE
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: tap.stop())
    _say({"tell": f"watching {', '.join(f'{one.link.name} ({one.role})' for one in tap.places)}"})
    _watch(tap, tally, inference, beside)
    return 0


def _opened(asked: Asked, beside: Beside | None) -> tuple[Tap, Tally, Inference]:
    inference = Inference(asked.requirements, hops("all"))
    tally = Tally(asked.requirements, os.urandom(32), companions=asked.companions)
    tap = Tap(
        asked.interfaces,
        tell=lambda text: _say({"tell": text}),
        inference=inference,
        beside=beside,
        zones=asked.zones,
        fixed=True,
    )
    return tap, tally, inference


def _confine() -> None:
    warm()
    lean.settle()
    try:
        give_up_rights()
    except OSError as error:
        raise GateproofError(f"the tap cannot give up its rights: {error.strerror}") from error
    if why := close_in():
        _say({"tell": f"the tap goes on without a filter of system calls: {why}"})


def _watch(tap: Tap, tally: Tally, inference: Inference, beside: Beside | None) -> None:
    tally.tick(time.time())
    _hand(tap, tally, beside)
    due = time.monotonic() + PERIOD
    for batch in tap.batches():
        for observation in batch:
            tally.add(observation)
        for outcome in inference.tick(time.time()):
            tally.outcome(outcome)
        if not batch and time.monotonic() >= due:
            due = time.monotonic() + PERIOD
            _hand(tap, tally, beside)
    for outcome in inference.finish(time.time()):
        tally.outcome(outcome)
    _hand(tap, tally, beside)


def _hand(tap: Tap, tally: Tally, beside: Beside | None) -> None:
    if beside is not None:
        tally.beside(beside.begin, beside.counted()[0])
    tally.tick(time.time())
    taken = tap.statistics().values()
    tally.lost(sum(one.packets for one in taken), sum(one.drops for one in taken))
    _write(written(tally.observed()))


def _say(word: dict[str, Any]) -> None:
    _write(orjson.dumps(word) + b"\n")


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def _asked(config: str) -> Asked:
    from agent.config import load_settings  # noqa: PLC0415 - in a process that ends
    from agent.packs import find_packs, select  # noqa: PLC0415 - likewise

    settings = load_settings(Path(config) if config else None)
    packs = select(find_packs(settings.pack_folder), settings.packs)
    return Asked.of(settings, packs)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1], int(sys.argv[2]))
    except BrokenPipeError:  # the parent has gone, or will hear no more
        code = 0
    # nothing is open that would have to be closed, and little may be called
    sys.stderr.flush()
    os._exit(code)
