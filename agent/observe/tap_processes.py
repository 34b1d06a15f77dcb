"""Several processes that share the packets of the same interfaces, and one that puts together what they say."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Final

import orjson

from agent.errors import GateproofError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    Work = Callable[[Callable[[bytes], object], Callable[[str], None], Callable[[bytes], None]], dict[str, Any]]

CHUNK: Final = 65_536
LINE: Final = 64 << 20
"""Bytes of one line; the longest are evidence, chains of certificates come after it."""
CONTROL: Final = b"\0"
"""Begins a line that is for us: JSON cannot begin so, and lines for people hold nothing that cannot be printed."""
_PARENT_DEATH_SIGNAL: Final = 1
"""``PR_SET_PDEATHSIG`` (prctl(2))."""


class Workers:
    """Forks ``count`` processes; each runs ``work`` with where it writes whole lines, and gives a document at its end.

    Their lines go to ``write``, words for a person to what ``wait`` is given; the documents are kept. JSON documents
    that they hand over meanwhile go to ``hear``, with a number that tells the processes apart.
    """

    def __init__(
        self,
        count: int,
        work: Work,
        write: Callable[[bytes], object],
        hear: Callable[[int, bytes], None] = lambda *_: None,
    ) -> None:
        self._work = work
        self._write = write
        self._hear = hear
        self._pids: dict[int, int] = {}
        """Process by the end of its pipe."""
        self._rest: dict[int, bytearray] = {}
        self.documents: list[dict[str, Any]] = []
        self.errors: list[str] = []
        for _ in range(count):
            self._fork()

    def _fork(self) -> None:
        read, write = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            for other in (read, *self._pids):
                os.close(other)
            _child(self._work, write, parent)
        os.close(write)
        self._pids[read] = pid
        self._rest[read] = bytearray()

    def stop(self) -> None:
        """Tell all to end; may be called from a signal handler."""
        for pid in self._pids.values():
            os.kill(pid, signal.SIGTERM)

    def wait(self, tell: Callable[[str], None]) -> None:
        """Pass their lines on until all have ended; raises GateproofError where one did not end well."""
        poll = select.poll()
        for file in self._pids:
            poll.register(file, select.POLLIN)
        failed = ""
        while self._pids:
            for file, _ in poll.poll():
                if chunk := os.read(file, CHUNK):
                    self._take(file, chunk, tell)
                    continue
                poll.unregister(file)
                os.close(file)
                pid = self._pids.pop(file)
                _, status = os.waitpid(pid, 0)
                if status:
                    failed = failed or f"one of its processes ended with {os.waitstatus_to_exitcode(status)}"
                    self.stop()
        if self.errors or failed:
            raise GateproofError(self.errors[0] if self.errors else failed)

    def close(self) -> None:
        """End those that are still there, and hear no more of them."""
        self.stop()
        for file, pid in self._pids.items():
            os.close(file)
            os.waitpid(pid, 0)
        self._pids.clear()

    def _take(self, file: int, chunk: bytes, tell: Callable[[str], None]) -> None:
        rest = self._rest[file]
        rest += chunk
        end = rest.rfind(b"\n") + 1
        if not end:
            if len(rest) > LINE:
                raise GateproofError("one of its processes writes a line without end")
            return
        lines = bytes(rest[:end])
        del rest[:end]
        if CONTROL not in lines:
            self._write(lines)
            return
        for line in lines.splitlines(keepends=True):
            if not line.startswith(CONTROL):
                self._write(line)
                continue
            if line.startswith(CONTROL + CONTROL):
                self._hear(file, line[2:])
                continue
            word = orjson.loads(line[1:])
            if "done" in word:
                self.documents.append(word["done"])
            elif "error" in word:
                self.errors.append(word["error"])
            else:
                tell(word["tell"])


def _child(work: Work, file: int, parent: int) -> NoReturn:
    """Work, and end without what the parent would do at its end, whatever happens."""
    status = 1
    try:
        # it would find out only with the next line that it writes
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() == parent:
            status = _worked(work, file)
    except BrokenPipeError:  # nobody listens any more
        status = 0
    except BaseException:  # noqa: BLE001 - the top of a worker: tell everything
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _worked(work: Work, file: int) -> int:
    with os.fdopen(file, "wb", buffering=0) as pipe:

        def write(data: bytes) -> None:
            rest = memoryview(data)
            while rest:
                rest = rest[pipe.write(rest) or 0 :]

        def control(word: dict[str, Any]) -> None:
            write(CONTROL + orjson.dumps(word) + b"\n")

        try:
            control(
                {
                    "done": work(
                        write,
                        lambda text: control({"tell": text}),
                        lambda document: write(CONTROL + CONTROL + document),
                    )
                }
            )
        except GateproofError as error:
            control({"error": str(error)})
            return 2
    return 0
