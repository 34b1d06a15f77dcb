"""Logs that are followed while traffic is watched, or in its place."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, Final

from agent.logline import Clock
from agent.observe.follow import Followed
from agent.observe.logs import Log, formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from agent.model.observation import Observation
    from agent.observe.follow import Place
    from agent.observe.ring import Statistics

TICK: Final = 1.0
"""Seconds between two looks at files."""


def booted() -> float:
    """When this machine started, in seconds since 1970."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def _printable(path: str) -> str:
    """A path whose bytes are all of UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


class _One:
    def __init__(self, wanted: str, clock: Clock, layouts: Sequence[str], places: Mapping[str, Place | None]) -> None:
        kind, colon, path = wanted.partition(":")
        known = bool(colon) and kind in formats()
        self.path = path if known else wanted
        self.shown = _printable(self.path)
        # not of what it links to: that may be another the next time
        self.key = _printable(os.path.abspath(self.path))  # noqa: PTH100 - likewise
        self.followed = Followed(self.path, places.get(self.key), begin=self.key in places)
        self.log = Log(clock, layouts, booted, kind if known else None)
        self.trouble: str | None = None


class Logs:
    """Follows files, each ``KIND:FILE`` or ``FILE``, from their ends on, or from ``places`` where they were left.

    ``layouts`` are texts that ``Log`` takes; raises Malformed where one cannot be read. ``tell`` hears of files that
    cannot be read.
    """

    def __init__(
        self,
        wanted: Sequence[str],
        tell: Callable[[str], None],
        layouts: Sequence[str] = (),
        places: Mapping[str, Place | None] | None = None,
    ) -> None:
        self._tell = tell
        self._clock = Clock(time.time)
        self._files = tuple(_One(one, self._clock, layouts, places or {}) for one in dict.fromkeys(wanted))
        self._due = 0.0
        self._said: set[str] = set()

    def waiting(self) -> bool:
        """Whether the last look left something that need not wait for a second to pass."""
        return any(one.followed.more for one in self._files)

    def take(self, *, at_once: bool = False) -> list[Observation]:
        """What was written since the last look; there is one a second, and more only while something is left."""
        now = time.monotonic()
        if now < self._due and not at_once and not self.waiting():
            return []
        self._due = now + TICK
        return [found for one in self._files for found in self._look(one)]

    def _look(self, one: _One) -> Iterator[Observation]:
        yield from one.log.read(one.followed.lines())
        self._say_inferred()
        if one.followed.trouble != one.trouble:
            one.trouble = one.followed.trouble
            if one.trouble is not None:
                self._tell(f"{one.shown}: cannot be read: {one.trouble}")

    def _say_inferred(self) -> None:
        """Tell once what dates of logs are completed with."""
        for what in sorted(self._clock.inferred - self._said):
            self._tell(f"where lines of logs leave out the {what}, it is that of this machine now")
        self._said |= self._clock.inferred

    def places(self) -> dict[str, Place | None]:
        """How far each was read, by its path; None where there is none yet. What cannot be read is left out."""
        every = ((one.key, one.followed.place, one.followed.trouble) for one in self._files)
        return {path: place for path, place, trouble in every if place is not None or trouble is None}

    def statistics(self) -> dict[str, dict[str, int]]:
        """By path: lines that were read, those that say nothing, and those that were not understood or too long."""
        return {
            one.shown: {
                "lines": one.log.lines,
                "silent": one.log.silent,
                "malformed": one.log.malformed,
                "too_long": one.followed.too_long,
                "emptied": one.followed.emptied,
            }
            for one in self._files
        }

    def close(self) -> None:
        """Let all files go."""
        for one in self._files:
            one.followed.close()


class NoTap:
    """Stands where the tap would: nothing comes, once a second, or at once while ``waiting`` says so."""

    frames = malformed = 0

    def __init__(self, waiting: Callable[[], bool]) -> None:
        self.dissector = self
        self._waiting = waiting
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._stop, select.POLLIN)

    def batches(self, seconds: float | None = None) -> Iterator[list[Observation]]:
        """Empty lists, until ``stop`` or for so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            tick = 0.0 if self._waiting() else TICK
            left = tick if end is None else min(tick, max(end - time.monotonic(), 0.0))
            if self._poll.poll(left * 1000):
                break
            yield []
        yield []

    def stop(self) -> None:
        """End soon; may be called from a signal handler."""
        os.eventfd_write(self._stop, 1)

    def statistics(self) -> dict[str, Statistics]:
        """Of no interface."""
        return {}

    def close(self) -> None:
        """Let go what it waits with."""
        os.close(self._stop)
