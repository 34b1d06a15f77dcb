"""``gateproof observe``: what passes this host now, as far as packs require it."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.observe import lean  # first: what hashes is loaded otherwise then

# isort: split
from agent.cli.evidence import Keeper, parsed
from agent.cli.files import STANDARD, opened
from agent.errors import StateError, UsageError
from agent.observe import keep, outcome_records
from agent.observe.asked import Asked
from agent.observe.inference import Inference
from agent.observe.privacy import Flows, Hashed, Names, Remembered, full, redact, shortened, truncated
from agent.observe.records import line
from agent.observe.tally import Tally
from agent.observe.tap import Tap
from agent.observe.tap_apart import apart
from agent.observe.tap_counts import Counts
from agent.observe.tap_interfaces import hops
from agent.observe.tap_processes import Workers
from agent.observe.tap_text import text
from agent.wire.beside import Beside

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

    from agent.model.evidence import Observed
    from agent.model.observation import Observation
    from agent.model.outcome import Outcome
    from agent.observe.logs_live import Logs, NoTap
    from agent.observe.privacy import Mask

PERIOD: Final = 60.0
"""Seconds between two records of counters."""
MOST: Final = 64
"""Processes."""
_GROUPS: Final = 1 << 16


class Session:
    """Writes what may be shown of each observation, and counts the rest."""

    def __init__(self, arguments: argparse.Namespace, asked: Asked, key: bytes) -> None:
        clients = arguments.clients or ("full" if arguments.all_names else asked.clients)
        masks: dict[str, Mask] = {"full": full, "truncated": truncated, "hashed": Hashed(key)}
        self.counts = Counts()
        self._arguments = arguments
        self._asked = asked
        self._names = names = Names(asked.requirements)
        self._inference = Inference(asked.requirements, hops("all"))
        self._mask = Remembered(masks[clients])
        self._flows = Flows((lambda name: name is not None) if arguments.all_names else names.cover)
        self._tally = Tally(asked.requirements, key, companions=asked.companions) if arguments.evidence else None
        every = arguments.all_names or (self._tally is not None and asked.companions)
        self._beside = None if every else Beside(names.all())

    def run(
        self,
        write: Callable[[bytes], object],
        tell: Callable[[str], None],
        group: int | None,
        hand: Callable[[Observed], None],
    ) -> dict[str, Any]:
        """Watch until told to stop, and give the counters."""
        arguments = self._arguments
        logs = self._logs(tell)
        self._keep(logs)
        tap = self._tap(tell, group, logs)
        try:
            with _stopping(tap.stop):
                due = time.monotonic() + PERIOD
                for batch in tap.batches(arguments.seconds):
                    # a log may have something every second, and counters are due all the same
                    idle = not batch
                    if logs is not None:
                        batch += self._logged(logs)  # noqa: PLW2901 - one stream
                    outcomes = self._inference.tick(time.time())
                    self._add(batch, outcomes)
                    if lines := b"".join((*self._lines(batch), *self._told(outcomes))):
                        write(lines)
                    if idle and time.monotonic() >= due:
                        due += PERIOD
                        self._count(tap, hand)
                        self._report(write, tell)
                        self._keep(logs, tell)
            # what came since the last look: without a state nobody will read it later
            batch = self._logged(logs, at_once=True) if logs is not None else []
            outcomes = self._inference.finish(time.time())
            self._add(batch, outcomes)
            if lines := b"".join((*self._lines(batch), *self._told(outcomes))):
                write(lines)
            self._keep(logs, tell)
            self._count(tap, hand)
        finally:
            tap.close()
            if logs is not None:
                logs.close()
        return self.counts.document()

    def _tap(self, tell: Callable[[str], None], group: int | None, logs: Logs | None) -> Tap | NoTap:
        arguments = self._arguments
        if arguments.no_tap and logs is not None:
            from agent.observe.logs_live import NoTap  # noqa: PLC0415 - for those who follow logs

            return NoTap(logs.waiting)
        return Tap(
            arguments.interface or self._asked.interfaces,
            tell=tell,
            promiscuous=arguments.promiscuous,
            group=group,
            inference=self._inference,
            beside=self._beside,
            zones=self._asked.zones,
        )

    def _logs(self, tell: Callable[[str], None]) -> Logs | None:
        if not self._arguments.log:
            return None
        from agent.observe.logs_live import Logs  # noqa: PLC0415 - likewise
        from agent.observe.places import load  # noqa: PLC0415 - likewise

        layouts = []
        for name in self._arguments.layout:
            with opened(name) as file:
                layouts.append(file.read().decode(errors="replace"))
        places = load(Path(self._arguments.log_state)) if self._arguments.log_state else None
        return Logs(self._arguments.log, tell, layouts, places)

    def _keep(self, logs: Logs | None, tell: Callable[[str], None] | None = None) -> None:
        """How far logs were read, once what they say is written; trouble ends the work only where nobody is told."""
        if logs is not None and self._arguments.log_state:
            from agent.observe.places import save  # noqa: PLC0415 - likewise

            try:
                save(logs.places(), Path(self._arguments.log_state))
            except StateError as error:
                if tell is None:
                    raise
                tell(str(error))

    def _logged(self, logs: Logs, *, at_once: bool = False) -> list[Observation]:
        found = logs.take(at_once=at_once)
        self.counts.logs = logs.statistics()
        return found

    def _lines(self, batch: list[Observation]) -> Iterator[bytes]:
        jsonl = self._arguments.format == "jsonl"
        for observation in batch:
            tie = self._flows.tie(observation)
            if self._arguments.all_names:
                shown: Observation | None = shortened(observation, self._mask, tie)
            else:
                shown = redact(observation, self._names, self._mask, tie)
            self.counts.add(observation, shown=shown is not None)
            if shown is not None:
                yield line(shown) if jsonl else f"{text(shown, tie)}\n".encode()

    def _told(self, outcomes: list[Outcome]) -> Iterator[bytes]:
        """Outcomes as they leave: with the addresses of clients masked."""
        jsonl = self._arguments.format == "jsonl"
        for one in outcomes:
            shown = replace(one, src_ip=self._mask(one.src_ip))
            yield outcome_records.line(shown) if jsonl else f"{outcome_records.text(shown)}\n".encode()

    def _add(self, batch: list[Observation], outcomes: list[Outcome]) -> None:
        """To the evidence, before anything is masked."""
        if self._tally is not None:
            for observation in batch:
                self._tally.add(observation)
            for outcome in outcomes:
                self._tally.outcome(outcome)

    def _count(self, tap: Tap | NoTap, hand: Callable[[Observed], None]) -> None:
        counts = self.counts
        counts.interfaces = tap.statistics()
        counts.frames, counts.malformed = tap.dissector.frames, tap.dissector.malformed
        if self._beside is not None:
            questions, answers = self._beside.counted()
            counts.beside(sum(questions.values()), answers)
            if self._tally is not None:
                self._tally.beside(self._beside.begin, questions)
        if self._tally is not None:
            self._tally.tick(time.time())
            taken = counts.interfaces.values()
            self._tally.lost(sum(one.packets for one in taken), sum(one.drops for one in taken))
            hand(self._tally.observed())

    def _report(self, write: Callable[[bytes], object], tell: Callable[[str], None]) -> None:
        if self._arguments.format == "jsonl":
            write(self.counts.record(time.time()))
            return
        for name, one in sorted(self.counts.interfaces.items()):
            if one.drops:
                tell(f"{name}: {one.drops} packets of {one.packets} were dropped so far; give it --processes")


def run(arguments: argparse.Namespace) -> int:
    """Write observations until interrupted, then what was counted."""
    if not 1 <= arguments.processes <= MOST:
        raise UsageError(f"--processes must be 1 to {MOST}")
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise UsageError("--for must be a number of seconds above 0")
    if arguments.no_tap and not arguments.log:
        raise UsageError("--no-tap leaves nothing to observe: name a log with --log")
    if arguments.log_state and not arguments.log:
        raise UsageError("--log-state is for logs: name one with --log")
    if arguments.log and arguments.processes != 1:
        raise UsageError("--log is for one process: leave out --processes, or observe logs by themselves with --no-tap")
    asked = apart(lambda: _asked(arguments))
    keeper = Keeper(Path(arguments.evidence)) if arguments.evidence else None
    # the command line turns the collector off for commands that end soon; this one stays
    lean.settle()
    gc.enable()
    with _output(arguments.output) as file:

        def write(data: bytes) -> None:
            file.write(data)
            file.flush()

        counts = _watched(arguments, Session(arguments, asked, os.urandom(32)), write, keeper)
        if keeper is not None:
            keeper.save()
        if arguments.format == "jsonl":
            write(counts.record(time.time()))
        else:
            write("".join(f"{one}\n" for one in ("", *counts.lines())).encode())
    return 0


def _asked(arguments: argparse.Namespace) -> Asked:
    from agent.cli.settings import packs_of, settings_of  # noqa: PLC0415 - in a process that ends

    settings = settings_of(arguments)
    return Asked.of(settings, packs_of(arguments, settings))


def _watched(
    arguments: argparse.Namespace, session: Session, write: Callable[[bytes], object], keeper: Keeper | None
) -> Counts:
    def kept(part: int, observed: Observed) -> None:
        if keeper is not None:
            keeper.put(part, observed, _tell)

    if arguments.processes == 1:
        session.run(write, _tell, None, lambda observed: kept(0, observed))
        return session.counts
    group = int.from_bytes(os.urandom(2), "big") % _GROUPS
    counts = Counts()
    workers = Workers(
        arguments.processes,
        lambda put, tell, hand: session.run(put, tell, group, lambda observed: hand(keep.written(observed))),
        write,
        lambda part, document: kept(part, parsed(document)),
    )
    try:
        with _stopping(workers.stop):
            workers.wait(_tell)
    finally:
        workers.close()
    for document in workers.documents:
        counts.merge(document)
    return counts


def _tell(message: str) -> None:
    sys.stderr.write(f"gateproof: {message}\n")
    sys.stderr.flush()


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Within, SIGINT and SIGTERM end the work in order: what was counted is still written."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _output(name: str) -> Iterator[BinaryIO]:
    """Standard output, or a file that grows: what is observed can be read while it is."""
    if name == STANDARD:
        yield sys.stdout.buffer
        return
    try:
        file = Path(name).open("wb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UsageError(f"{name}: cannot be written: {error.strerror}") from error
    with file:
        yield file
