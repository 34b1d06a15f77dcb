"""The live tap: rings on interfaces, a dissector behind them, and observations out of it."""

from __future__ import annotations

import importlib
import math
import os
import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from agent.errors import GateproofError
from agent.model.vocabulary import HOST
from agent.observe.ring import BLOCKS, LEAST, RING, Ring, Statistics
from agent.observe.tap_apart import apart
from agent.observe.tap_far import Far
from agent.observe.tap_filter import program
from agent.observe.tap_interfaces import IFF_UP, Role, links, plan
from agent.observe.tap_own import Own
from agent.wire.dissect import Dissector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from agent.model.observation import Observation
    from agent.observe.inference import Inference
    from agent.observe.ring import Frame
    from agent.observe.tap_interfaces import Place
    from agent.wire.beside import Beside

LATE: Final = 0.15
"""Seconds after which an earlier frame of another ring has come: the kernel gives each after RETIRE milliseconds."""
BATCH: Final = 256
"""Observations that are handed over at once: what becomes of them takes more memory than the packets did."""
HELD: Final = 512 << 10
"""Bytes of memory that packets take which wait for others; beyond it they wait less."""
OVERHEAD: Final = 200
"""Bytes that one takes beside its own, as measured."""
TICK: Final = 1.0
"""Seconds between two looks at the clock, and at interfaces that are away."""
ROUNDS: Final = 60
"""Ticks between two plans from anew, for addresses that interfaces were given since."""


class _Watched:
    """An interface that is watched, or will be when it is there again."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.ring: Ring | None = None
        self.up = True
        self.own: Own | None = None
        self.far: Far | None = None
        self.zone = place.link.name


class Tap:
    """Watches interfaces, those where clients are and the uplinks unless some are named; raises GateproofError.

    ``group`` shares the packets with other processes that name the same number. ``tell`` hears what happens to
    interfaces, ``inference`` is told of packets and of their loss; ``zones`` names those of interfaces, by their own
    name where it does not. What ``beside`` holds is only counted there. A ``fixed`` tap stays with the interfaces that
    it begins with. The rings are open once it is made; ``clock`` gives seconds that never go back.
    """

    def __init__(  # noqa: PLR0913 - the settings of a tap
        self,
        interfaces: Sequence[str] = (),
        *,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        promiscuous: bool = False,
        size: int = RING,
        group: int | None = None,
        proxies: Sequence[int] = (),
        inference: Inference | None = None,
        beside: Beside | None = None,
        zones: Mapping[str, str] | None = None,
        fixed: bool = False,
    ) -> None:
        self.dissector = Dissector(live=True, watch=inference, beside=beside)
        self._inference = inference
        self._zones = zones or {}
        self._fixed = fixed
        self._wanted = tuple(interfaces)
        self._tell = tell
        self._clock = clock
        self._promiscuous = promiscuous
        self._size = size
        self._group = group
        self._proxies = tuple(proxies)
        self._past: dict[str, Statistics] = {}
        """Of rings that are closed."""
        self._watched: dict[str, _Watched] = {}
        self._by_file: dict[int, _Watched] = {}
        self._poll = select.poll()
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(self._stop, select.POLLIN)
        self._known: tuple[object, ...] = ()
        self._rounds = 0
        self._dropped = 0
        self._last = 0.0
        self._several = False
        """A question and its answer may come in by two interfaces, whose rings know nothing of each other."""
        self._held: list[tuple[Frame, _Watched]] = []
        self._waiting = 0
        """Bytes of memory that they take."""
        """Frames that wait for earlier ones of other interfaces."""
        try:
            places = plan(self._wanted)
            for place, instructions in zip(places, self._programs(places), strict=True):
                self._open(_Watched(place), instructions, len(places))
        except GateproofError:
            self.close()
            raise
        self._known = _present()
        _warm()

    @property
    def places(self) -> tuple[Place, ...]:
        """What is watched, and how."""
        return tuple(one.place for one in self._watched.values())

    def batches(self, seconds: float | None = None) -> Iterator[list[Observation]]:
        """Observations as they come, a list at least once a second, until ``stop`` or for so many seconds."""
        end = None if seconds is None else self._clock() + seconds
        tick = self._clock() + TICK
        while True:
            now = self._clock()
            until = tick if end is None else min(tick, end)
            wait = max(0.0, until - now)
            found: list[Observation] = []
            for file, event in self._poll.poll(1000 * (min(wait, LATE / 2) if self._held else wait)):
                if file == self._stop:
                    yield self._ended()
                    return
                # a ring that another one's trouble closed meanwhile
                if (watched := self._by_file.get(file)) is None or watched.ring is None:
                    continue
                if self._several:
                    self._hold(watched, watched.ring)
                else:
                    frames = watched.ring.read()
                    for begin in range(0, len(frames), BATCH):
                        yield from (found,) if found else ()
                        found = self._taken(watched, frames[begin : begin + BATCH])
                if event & ~select.POLLIN:
                    self._trouble(watched)
            yield from self._in_order(time.time() - LATE)
            if found:
                yield found
            now = self._clock()
            if end is not None and now >= end:
                yield self._ended()
                return
            if now >= tick:
                tick = now + TICK
                self._tell_losses(self._last)
                if not self._fixed:
                    self._look()
                yield []

    def _taken(self, watched: _Watched, frames: Iterable[Frame]) -> list[Observation]:
        """What frames of an interface say that count there."""
        take, inference = self.dissector.take, self._inference
        own, far, zone = watched.own, watched.far, watched.zone
        link_type, name = watched.place.link.link_type, watched.place.link.name
        found: list[Observation] = []
        at = self._last
        told: bool | None = None
        for at, frame, _, outgoing in frames:
            if outgoing and far is not None and far.take(at, link_type, frame):
                continue
            if own is None or own.counts(link_type, frame, outgoing=outgoing):
                if inference is not None and outgoing is not told:
                    told = outgoing
                    inference.frame(zone, outgoing=outgoing)
                found += take(at, link_type, frame, name)
        self._last = at
        return found

    def _hold(self, watched: _Watched, ring: Ring) -> None:
        """Keep all that a ring has: another block of it may be older than what is read of the others."""
        for _ in range(BLOCKS):
            frames = ring.read()
            if not frames:
                return
            self._held += [(frame, watched) for frame in frames]
            self._waiting += sum(_cost(frame) for frame in frames)
            if self._waiting > HELD:
                return

    def _in_order(self, until: float) -> Iterator[list[Observation]]:
        """What frames of several interfaces say, those up to a time in the order of their own."""
        held = self._held
        held.sort(key=_time)
        found: list[Observation] = []
        done = 0
        for frame, watched in held:
            # in a flood memory comes before order: blocks are full soon then, and little is late
            if frame[0] > until and self._waiting <= HELD // 2:
                break
            done += 1
            found += self._taken(watched, (frame,))
            self._waiting -= _cost(frame)
            if len(found) > BATCH:
                yield found
                found = []
        del held[:done]
        if found:
            yield found

    def _ended(self) -> list[Observation]:
        """What is left when nothing more will come."""
        found = [one for batch in self._in_order(math.inf) for one in batch]
        return found + self.dissector.finish(self._last)

    def stop(self) -> None:
        """End soon; may be called from a signal handler or another thread."""
        os.eventfd_write(self._stop, 1)

    def statistics(self) -> dict[str, Statistics]:
        """What each interface gave, and what was dropped, since the tap was made."""
        found = dict(self._past)
        for name, watched in self._watched.items():
            if watched.ring is not None:
                found[name] = found.get(name, Statistics()).plus(watched.ring.statistics())
        return found

    def _tell_losses(self, at: float) -> None:
        """Let the inference know of packets that were dropped since it was told last."""
        drops = sum(one.drops for one in self.statistics().values())
        if drops > self._dropped and self._inference is not None:
            self._inference.dropped(at)
        self._dropped = drops

    def close(self) -> None:
        """Let all rings go."""
        for watched in self._watched.values():
            self._shut(watched)
        self._watched.clear()
        if self._stop >= 0:
            os.close(self._stop)
            self._stop = -1

    # ---- interfaces that come and go ----

    def _programs(self, places: Sequence[Place]) -> list[bytes]:
        """Their filters; libpcap takes more memory than this process has for it."""
        far = self._inference is not None
        return apart(lambda: [program(place, self._proxies, far=far) for place in places])

    def _play(self, watched: _Watched, place: Place) -> None:
        """Give an interface its role."""
        watched.place = place
        watched.own = Own() if place.role is Role.OWN else None
        watched.far = Far(place, self._inference) if self._inference is not None else None
        name = place.link.name
        self._several = sum(one.place.role is Role.CLIENTS for one in self._watched.values()) > 1
        watched.zone = self._zones.get(name, name) if place.role is Role.CLIENTS else HOST

    def _open(self, watched: _Watched, instructions: bytes, rings: int) -> None:
        """Watch a place; all ``rings`` together have the memory of one."""
        place = watched.place
        self._watched[place.link.name] = watched
        self._play(watched, place)
        # each interface has a group of its own, and another one after it was made anew
        group = None if self._group is None else self._group + place.link.index
        size = max(self._size // rings, LEAST)
        watched.ring = Ring(place.link, instructions, size=size, promiscuous=self._promiscuous, group=group)
        watched.up = bool(place.link.flags & IFF_UP)
        self._by_file[watched.ring.fileno()] = watched
        self._poll.register(watched.ring.fileno(), select.POLLIN)

    def _shut(self, watched: _Watched) -> None:
        ring = watched.ring
        if ring is None:
            return
        name = watched.place.link.name
        self._past[name] = self._past.get(name, Statistics()).plus(ring.statistics())
        self._poll.unregister(ring.fileno())
        del self._by_file[ring.fileno()]
        ring.close()
        watched.ring = None

    def _trouble(self, watched: _Watched) -> None:
        """The kernel reports ENETDOWN; the ring stays, and gives packets again once the interface is up."""
        if watched.ring is not None and watched.ring.error() and watched.up:
            watched.up = False
            self._tell(f"{watched.place.link.name} went down; waiting for it")

    def _look(self) -> None:
        present = _present()
        self._rounds += 1
        if present == self._known and self._rounds < ROUNDS:
            return
        self._known = present
        self._rounds = 0
        now = links()
        for name, watched in self._watched.items():
            link = now.get(name)
            if link is None or link.index != watched.place.link.index:
                if watched.ring is not None:
                    self._shut(watched)
                    self._tell(f"{name} is gone; waiting for another of that name")
            elif watched.ring is not None and not watched.up and link.flags & IFF_UP:
                watched.up = True
                self._tell(f"{name} is up again")
        self._replan(set(now))

    def _replan(self, names: set[str]) -> None:
        """Open what is there again or new, and change what has another role or other networks behind it."""
        there = tuple(name for name in self._wanted if name in names)
        if self._wanted and not there:
            return
        try:
            places = plan(there)
        except GateproofError:  # nothing is up: it will be later
            return
        places = tuple(place for place in places if not self._stands(place))
        for place, instructions in zip(places, self._programs(places) if places else (), strict=True):
            name = place.link.name
            watched = self._watched.get(name)
            try:
                if watched is not None and watched.ring is not None:
                    # in the ring that there is: nothing in it is lost
                    watched.ring.filter(instructions)
                    self._play(watched, place)
                    continue
                self._open(_Watched(place), instructions, len(self._watched) + 1)
            except GateproofError as error:
                self._tell(f"{error}; trying again")
                self._known = ()
            else:
                self._tell(f"{name} is watched from now on")

    def _stands(self, place: Place) -> bool:
        """Whether it is watched already, and just so."""
        watched = self._watched.get(place.link.name)
        if watched is None or watched.ring is None:
            return False
        return (watched.place.role, watched.place.behind) == (place.role, place.behind)


def _cost(frame: Frame) -> int:
    return len(frame[1]) + OVERHEAD


def _time(held: tuple[Frame, _Watched]) -> float:
    return held[0][0]


def _warm() -> None:
    """Load what the first QUIC packet would have to wait for: a good part of a ring can pass meanwhile."""
    importlib.import_module("cryptography.hazmat.primitives.ciphers.aead")


def _present() -> tuple[object, ...]:
    """Something that changes when interfaces come, go, go down or come up."""
    with suppress(OSError):
        return tuple((link.name, link.index, link.flags & IFF_UP) for link in links().values())
    return ()
