"""Standard input and output, and files in their place."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

STANDARD = "-"


def called(name: str) -> str:
    """What messages call an input."""
    return "standard input" if name == STANDARD else name


@contextmanager
def opened(name: str) -> Iterator[BinaryIO]:
    """A file for reading, or standard input for ``-``; raises UsageError with one line."""
    if name == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below; what the caller does is not ours to explain
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror}") from error
    with file:
        yield file


def write(data: bytes, name: str, mode: int | None = None) -> None:
    """Write to standard output for ``-``, else replace the file as a whole; raises UsageError with one line.

    ``mode`` is that of a file which was not there before, whatever the umask.
    """
    with written(name, mode) as file:
        file.write(data)


@contextmanager
def written(name: str, mode: int | None = None) -> Iterator[BinaryIO]:
    """Standard output for ``-``, else a file that takes the place of another once it is whole; raises UsageError."""
    if name == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    try:
        # a device or a pipe cannot be replaced, only written
        with path.open("wb") if path.exists() and not path.is_file() else _replacing(path, mode) as file:
            yield file
    except OSError as error:
        raise UsageError(f"{name}: cannot be written: {error.strerror}") from error


@contextmanager
def _replacing(path: Path, mode: int | None) -> Iterator[BinaryIO]:
    import tempfile  # noqa: PLC0415 - 5 ms that standard output need not pay for

    handle, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with suppress(OSError):  # who may not give a file away has it as their own
                before = path.stat()
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), _mode(path, mode))
        Path(new).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(new).unlink()
        raise


def _mode(path: Path, fresh: int | None) -> int:
    """The mode of the file that is replaced, else the one that is wanted, else what the umask leaves."""
    with suppress(OSError):
        return path.stat().st_mode & 0o7777
    if fresh is not None:
        return fresh
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
