"""Work that is done in a process of its own, because the libraries it loads are not wanted in one that stays."""

from __future__ import annotations

import os
import pickle
import sys
from typing import TYPE_CHECKING, TypeVar

from agent.errors import GateproofError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, NoReturn

T = TypeVar("T")


def apart(work: Callable[[], T]) -> T:
    """What ``work`` gives, computed in a child; raises the GateproofError that it raises."""
    read, write = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _child(work, write)
    os.close(write)
    try:
        with os.fdopen(read, "rb") as pipe:
            data = pipe.read()
    finally:
        _, status = os.waitpid(pid, 0)
    if not data:
        raise GateproofError(f"a process of gateproof ended with {os.waitstatus_to_exitcode(status)}: try again")
    found: T | GateproofError = pickle.loads(data)  # noqa: S301 - from our own child, by a pipe that only it had
    if isinstance(found, GateproofError):
        raise found
    return found


def _child(work: Callable[[], T], file: int) -> NoReturn:
    try:
        with os.fdopen(file, "wb") as pipe:
            _answer(work, pipe)
    finally:
        # without what the parent would do at its end, whatever happened
        os._exit(0)


def _answer(work: Callable[[], T], pipe: BinaryIO) -> None:
    try:
        found: T | GateproofError = work()
    except GateproofError as error:
        found = error
    pickle.dump(found, pipe)
