"""The store as the API reads it: opened when there is one, and never in the way of other requests."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from agent.model.standing import as_of
from agent.store import Reader
from agent.store.schema import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agent.model.standing import Standing
    from agent.store.reading import Filter, Version

T = TypeVar("T")
THREADS: Final = 4
"""That read at once; where there are more to serve, they take turns."""


class State:
    """One state folder. ``version`` costs next to nothing; all else is read in threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._watching = _Opened(folder)
        """For the version alone, in the thread of the event loop."""
        self._reading = _Opened(folder)
        self._turn = asyncio.Lock()
        self._threads = ThreadPoolExecutor(THREADS, "read")
        self._version: Version | None = None
        self._standing: tuple[Version, Standing] | None = None

    def close(self) -> None:
        """Let the store go."""
        self._threads.shutdown(wait=True)
        self._watching.close()
        self._reading.close()

    def version(self) -> Version:
        """The version of the state; raises StateError.

        It is read once for all requests that are answered in one turn of the event loop: they came before the turn.
        """
        if self._version is None:
            self._version = self._watching.reader().version()
            asyncio.get_running_loop().call_soon(self._forget)
        return self._version

    def _forget(self) -> None:
        self._version = None

    async def read(self, ask: Callable[[Reader], T]) -> T:
        """The answer to a brief question; raises what it raises, and StateError."""
        async with self._turn:  # transactions of one connection cannot overlap
            return await self.run(lambda: ask(self._reading.reader()))

    async def run(self, work: Callable[[], T]) -> T:
        """The result of work in a thread; when the waiting is given up, the work is still waited for."""
        doing = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            # what the thread uses must not be closed under it
            with suppress(BaseException):
                await doing
            raise

    async def snapshot(self, wanted: Filter) -> Snapshot:
        """One state of the findings; to be closed, in a thread. Raises StateError."""
        async with self._turn:
            return await self.run(lambda: Snapshot(self._reading.reader(), wanted))

    async def standing(self) -> Standing:
        """How things stand now, counted once for each version; raises StateError."""
        version = self.version()
        if self._standing is None or self._standing[0] != version:
            self._standing = version, await self.read(Reader.standing)
        return as_of(self._standing[1], datetime.now(UTC))


class Snapshot:
    """Findings of one version, as JSON, some at a time."""

    def __init__(self, reader: Reader, wanted: Filter) -> None:
        self._stack = ExitStack()
        self.version: Version
        self.bodies: Iterator[list[bytes]]
        self.version, self.bodies = self._stack.enter_context(reader.snapshot(wanted))

    def close(self) -> None:
        """Let go of it, so that the store can be tidied up."""
        self._stack.close()


class _Opened:
    """A reader, opened when it is first wanted, and anew where the file is another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = os.fspath(folder / FILE)
        self._reader: Reader | None = None
        self._file: tuple[int, int] | None = None

    def reader(self) -> Reader:
        """Raises StateError."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - with each request: pathlib takes five times as long
            file = (found.st_dev, found.st_ino)
        except OSError:
            file = None
        if self._reader is None or file != self._file:
            self.close()
            self._reader = Reader(self._folder)
            self._file = file
        return self._reader

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
