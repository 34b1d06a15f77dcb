"""Evidence as a file, written as a whole; it is read in ``store``, with what checks it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import orjson

from agent.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.evidence import Observed

MODE: Final = 0o640


def written(observed: Observed) -> bytes:
    """The document, in one line."""
    return orjson.dumps(observed) + b"\n"


def save(observed: Observed, path: Path) -> None:
    """Put it in place of what was there, or leave that as it was; raises StateError."""
    replace(written(observed), path)


def replace(data: bytes, path: Path) -> None:
    """Make a file of this, or leave the one that was there as it was; raises StateError."""
    new = path.with_name(f".{path.name}.new")
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError:
            with suppress(OSError):
                new.unlink()
            raise
    except OSError as error:
        raise StateError(f"{path}: cannot be written: {error.strerror}") from error
