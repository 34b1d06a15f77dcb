"""Processes of this program's own beside the daemon: started, and started again when they end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import agent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LOG: Final = logging.getLogger("gateproof")
FIRST, SLOWEST = 1.0, 300.0
"""Seconds to wait before a process that ended is started again, doubled each time."""
WELL: Final = 60.0
"""Seconds after which a process that ended counts as one that worked."""
PATIENCE: Final = 10.0
"""Seconds that a process has to end when it is told to."""
LONGEST: Final = 64 << 20
"""Bytes of one line that it writes."""


def environment() -> Mapping[str, str]:
    """The variables of a process that finds the same program, whatever folder somebody happens to be in.

    What the service manager wants to hear it hears from the daemon alone.
    """
    folder = str(Path(agent.__file__).parents[1])
    paths = [folder, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    kept = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def word(status: int) -> str:
    """How a process ended."""
    return f"status {status}" if status >= 0 else signal.Signals(-status).name


class Child:
    """Keeps one process running as long as there is a command for it."""

    final: ClassVar[Mapping[int, str]] = {}
    """What is said of the exit statuses after which it is not started again before ``reload``."""
    output: ClassVar[int] = asyncio.subprocess.DEVNULL

    def __init__(self, name: str, command: Callable[[], Sequence[str]]) -> None:
        """Nothing runs before ``run``; an empty command stands for no process."""
        self._name = name
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._running: Sequence[str] = ()
        self._wake = asyncio.Event()
        self._ended = False

    async def run(self) -> None:
        """Start it, and start it again, until ``stop``."""
        wait = FIRST
        while not self._ended:
            self._wake.clear()
            self._running = self._command()
            if not self._running:
                await self._wake.wait()
                continue
            begin = time.monotonic()
            status = await self._one()
            if self._wake.is_set():  # it was told to end
                wait = FIRST
                continue
            wait = FIRST if time.monotonic() - begin >= WELL else wait
            if status in self.final:
                LOG.warning("%s: %s", self._name, self.final[status])
                await self._wake.wait()
                continue
            LOG.warning("%s: ended with %s; started again in %.0f s", self._name, word(status), wait)
            await self._pause(wait)
            wait = min(wait * 2, SLOWEST)

    def reload(self) -> None:
        """Pass SIGHUP on, or start it anew where its command is another now."""
        if self._process is not None and self._command() == self._running:
            self._signal(signal.SIGHUP)
        else:
            self._anew()

    def stop(self) -> None:
        """End it, and ``run``."""
        self._ended = True
        self._anew()

    def _anew(self) -> None:
        """End it, and begin again with what is asked for now."""
        self._wake.set()
        self._signal(signal.SIGTERM)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until something is asked for."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _attend(self, process: asyncio.subprocess.Process) -> None:
        """What there is to do while it runs; where it still runs afterwards, it is killed."""
        await process.wait()

    def _fail(self, text: str) -> None:
        """Tell what went wrong."""
        LOG.error("%s: %s", self._name, text)

    async def _one(self) -> int:
        """One process, from its beginning to its end; gives its exit status."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._running,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self.output,
                limit=LONGEST,
                start_new_session=True,  # an interrupt from the terminal is the daemon's to pass on
                env=environment(),
            )
        except OSError as error:
            self._fail(f"cannot be started: {error.strerror}")
            return 1
        self._process = process
        insisting = asyncio.create_task(self._insist(process))
        if self._wake.is_set():  # it was told while the process was made
            self._signal(signal.SIGTERM)
        try:
            await self._attend(process)
        finally:
            insisting.cancel()
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            status = await process.wait()
            self._process = None
        return status

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _insist(self, process: asyncio.subprocess.Process) -> None:
        """Kill it where it does not end when it is told to."""
        await self._wake.wait()
        await asyncio.sleep(PATIENCE)
        with suppress(ProcessLookupError):
            process.kill()
