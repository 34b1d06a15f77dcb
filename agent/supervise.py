"""The tap as a process of its own: started, listened to with suspicion, and started again when it ends.

What it hands over is added to what earlier ones did, and kept in ``evidence.json``. Nothing that it does or writes
takes the daemon down.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent import child
from agent.child import Child
from agent.errors import GateproofError, StateError
from agent.observe.keep import save
from agent.observe.merge import merge, pruned
from agent.observe.resident import DENIED
from agent.observe.tap_interfaces import IFF_UP, links, plan
from agent.observe.tap_text import printable
from agent.store.evidence import parsed, recovered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agent.config import Observe
    from agent.model.evidence import Observed

LOG: Final = logging.getLogger("gateproof")
OFTEN: Final = 5.0
"""Seconds; evidence that comes earlier after other is not looked at, unless it is the last."""
WORDS: Final = 20
"""Messages of one process that are passed on."""
WORD: Final = 300
"""Characters of one."""
LOOK: Final = 5.0
"""Seconds between two looks at the interfaces."""
AHEAD: Final = 60.0
"""Seconds that its clock may be ahead of ours."""
ROUNDS: Final = 12
"""Looks until addresses and routes, of which there may be many, are read again although no interface changed."""


def command(config: Path | None) -> Sequence[str]:
    """How a tap is started; never from the folder that somebody happens to be in."""
    return (sys.executable, "-P", "-m", "agent.observe.resident", str(config or ""), str(os.getpid()))


class Supervisor(Child):
    """Keeps one tap running while the settings want it."""

    final = {DENIED: "not observing until the configuration is read again"}  # noqa: RUF012 - typed where it is declared
    output = asyncio.subprocess.PIPE

    def __init__(
        self,
        config: Path | None,
        file: Path,
        settings: Callable[[], Observe],
        start: Callable[[Path | None], Sequence[str]] = command,
    ) -> None:
        super().__init__("tap", lambda: start(config) if settings().enabled else ())
        self._file = file
        self._settings = settings
        self._past = recovered(file)
        self._now: Observed | None = None
        """What the process that runs has seen."""
        self._places: object = None
        """What it watches, if anything."""
        self._said = ""
        self._heard = time.monotonic()

    @property
    def silent(self) -> timedelta:
        """Since the last evidence, or since it is asked for."""
        return timedelta(seconds=time.monotonic() - self._heard)

    @property
    def trouble(self) -> str:
        """Why nothing is observed now; empty where something is."""
        return "" if self._process is not None else self._said or "no tap runs"

    def observed(self, now: float) -> Observed | None:
        """All evidence of the last week before ``now``; None where there never was any, or nobody wants it."""
        return self._whole(now) if self._settings().enabled else None

    def _whole(self, now: float) -> Observed | None:
        both = [one for one in (self._past, self._now) if one is not None]
        if not both:
            return None
        whole = both[0] if len(both) == 1 else merge(*both)
        return pruned(whole, now)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until something is asked for, or there are other interfaces: those may have been missing."""
        end = time.monotonic() + seconds
        known = await asyncio.to_thread(_present)
        while (left := end - time.monotonic()) > 0:
            await super()._pause(min(left, LOOK))
            if self._wake.is_set() or await asyncio.to_thread(_present) != known:
                return

    def reload(self) -> None:
        """Start anew, with the configuration of now."""
        if not self._running:  # nobody wanted it
            self._heard = time.monotonic()
        self._anew()

    async def _attend(self, process: asyncio.subprocess.Process) -> None:
        """Hear it, while there are the same interfaces."""
        watching = asyncio.create_task(self._watch())
        try:
            await self._listen(process)
        finally:
            watching.cancel()

    async def _one(self) -> int:
        self._places = await asyncio.to_thread(_places, self._settings().interfaces)
        try:
            return await super()._one()
        finally:
            await asyncio.to_thread(self._settle)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Hear it out; raises nothing, whatever it writes."""
        stream = process.stdout
        if stream is None:
            return
        words, heard, last = 0, float("-inf"), b""
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                self._fail(f"wrote a line of more than {child.LONGEST >> 20} MiB, and is ended")
                return
            if not line:
                break
            if line.startswith(b'{"schema"'):
                last = line
                if time.monotonic() - heard >= OFTEN:
                    heard, last = time.monotonic(), b""
                    await asyncio.to_thread(self._take, line)
            elif words < WORDS:
                words += 1
                self._hear(line)
        with suppress(TimeoutError):
            # it has closed its output: it is ending, or it is not what it should be
            await asyncio.wait_for(process.wait(), child.PATIENCE)
        if last:
            await asyncio.to_thread(self._take, last)

    def _take(self, line: bytes) -> None:
        try:
            found = parsed(line, "the tap's evidence")
            if found.until > time.time() + AHEAD:
                self._fail("its evidence is of the future, and is left out")
                return
            self._now, self._heard = found, time.monotonic()
            whole = self._whole(time.time())
            if whole is not None:
                save(whole, self._file)
        except StateError as error:
            self._fail(str(error))

    def _settle(self) -> None:
        """What it has seen belongs to the past."""
        self._past, self._now = self._whole(time.time()), None

    def _hear(self, line: bytes) -> None:
        try:
            word: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            word = None
        match word:
            case {"tell": str(text)}:
                LOG.info("tap: %s", _short(text))
            case {"error": str(text)}:
                self._fail(text)
            case _:
                self._fail("wrote what is neither evidence nor a message")

    def _fail(self, text: str) -> None:
        """Pass a message on; what stops it again and again is said once."""
        text = _short(text)
        if text != self._said:
            self._said = text
            super()._fail(text)

    async def _watch(self) -> None:
        """Start anew when interfaces came, went, or play another part."""
        known, rounds = await asyncio.to_thread(_present), 0
        while True:
            await asyncio.sleep(LOOK)
            present, rounds = await asyncio.to_thread(_present), rounds + 1
            if present == known and rounds < ROUNDS:
                continue
            known, rounds = present, 0
            now = await asyncio.to_thread(_places, self._settings().interfaces)
            if now is not None and now != self._places:
                LOG.info("tap: the interfaces are others now, started anew")
                self._anew()
                return


def _short(text: str) -> str:
    return printable(text)[:WORD]


def _present() -> object:
    """Something that changes when interfaces come, go, go down or come up."""
    with suppress(OSError):
        return [(link.name, link.index, link.flags & IFF_UP) for link in links().values()]
    return None


def _places(interfaces: Sequence[str]) -> object:
    """What a tap would watch now; None for nothing."""
    try:
        return plan(interfaces)
    except (GateproofError, OSError):
        return None
