"""A log in place of a capture: recognised by its lines, compressed with gzip or not."""

from __future__ import annotations

import gzip
import io
import os
import stat
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.cli.captured import Captured
from agent.errors import Malformed, UsageError
from agent.logline import Clock
from agent.observe.logs import LONGEST, Log, kind_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import BinaryIO

    from agent.model.observation import Observation
    from agent.model.outcome import Outcome

SAMPLE: Final = 64 << 10
"""Bytes at the beginning that show what a file is; of a pipe what has come."""
_HEAD: Final = 24
"""Bytes in which every capture has a zero, and no log."""
_GZIP: Final = b"\x1f\x8b"
_PIECE: Final = 64
"""Bytes that are decompressed at once: those before the damage count."""
_TAKEN: Final = {
    "year": "the year that is closest before the file's last change",
    "zone": "this machine's time zone",
    "time": "the time of reading",
}
"""What dates were completed with."""


def is_log(file: BinaryIO) -> bool:
    """Whether a file begins like a log; reads nothing away."""
    sample = _sample(file)
    if sample.startswith(_GZIP):
        sample = _unpacked(sample)
    return b"\0" not in sample[:_HEAD] and kind_of(sample) is not None


def _unpacked(sample: bytes) -> bytes:
    """What a compressed beginning holds, up to where it is damaged."""
    inflater, found = zlib.decompressobj(31), b""
    try:
        for at in range(0, len(sample), _PIECE):
            if len(found) >= SAMPLE:
                break
            found += inflater.decompress(sample[at : at + _PIECE], SAMPLE)
    except zlib.error:
        pass
    return found[:SAMPLE]


def _sample(file: BinaryIO) -> bytes:
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return os.pread(file.fileno(), SAMPLE, file.tell())
    return file.peek() if isinstance(file, io.BufferedReader) else b""


class LogReading:
    """A log as it is read, once; raises UsageError where the layouts that are given are none."""

    def __init__(self, arguments: argparse.Namespace, file: BinaryIO) -> None:
        if arguments.filter is not None:
            raise UsageError("--filter is for captures: leave it out for a log")
        status = os.fstat(file.fileno())
        regular = stat.S_ISREG(status.st_mode)
        self.captured = Captured(arguments)
        self.size = status.st_size if regular else None
        self.truncated = False
        """Whether it ended within a compressed block."""
        self._file = file
        self._clock = Clock((lambda: status.st_mtime) if regular else time.time)
        layouts = [_layout(one) for one in arguments.layout]
        try:
            self.log = Log(self._clock, layouts)
        except Malformed as error:
            raise UsageError(f"--layout: {error}") from error

    @property
    def position(self) -> int:
        """Bytes of the file that were read."""
        return self._file.tell()

    def everything(self) -> Iterator[Observation | Outcome]:
        """Observations in the order of lines; what became of connections no log tells."""
        return self.captured.passing(self.log.read(self._lines()))

    def summed(self) -> str:
        """What was read, in one line."""
        log = self.log
        return f"{log.lines} lines, {log.silent} of them without traffic, {log.malformed} not understood"

    def notes(self) -> Iterator[str]:
        """What a reader of the records should know, a line each."""
        if self.log.malformed:
            yield f"{self.log.malformed} of {self.log.lines} lines were not understood, and left out"
        if self._clock.inferred:
            taken = " and ".join(_TAKEN[one] for one in sorted(self._clock.inferred))
            yield f"what its dates leave out is taken from {taken}"

    def _lines(self) -> Iterator[bytes]:
        """The lines, of those that are too long the beginning."""
        packed = _sample(self._file).startswith(_GZIP)
        file: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=self._file) if packed else self._file
        try:
            while line := file.readline(LONGEST + 1):
                rest = line
                while len(rest) > LONGEST and not rest.endswith(b"\n"):
                    rest = file.readline(LONGEST + 1)
                yield line
        except EOFError:
            self.truncated = True
        except (zlib.error, gzip.BadGzipFile) as error:
            raise Malformed(f"the compressed log is damaged: {error}") from error


def _layout(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
