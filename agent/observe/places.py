"""How far logs were read, as a file: a later run goes on there.

It is written after what was read has been, so that a run that was killed gives some lines again and loses none. The
first bytes of a log are a line of it, and name who did what: they are kept as a hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.errors import StateError
from agent.observe.follow import HEAD, Place
from agent.observe.keep import replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LARGEST: Final = 1 << 20
"""Bytes of the file."""
VERSION: Final = 1


def load(path: Path) -> dict[str, Place | None]:
    """Places by the paths of logs, None for one that was not there; nothing without a file. Raises StateError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return _parsed(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(
            f"{path}: does not say how far logs were read; remove it to follow them from their ends"
        ) from error


def save(places: Mapping[str, Place | None], path: Path) -> None:
    """Write them in place of what was there; raises StateError."""
    logs = {
        log: None if one is None else {"inode": one.inode, "offset": one.offset, "head": one.head, "hash": one.hash}
        for log, one in sorted(places.items())
    }
    replace(orjson.dumps({"version": VERSION, "logs": logs}) + b"\n", path)


def _parsed(data: bytes) -> dict[str, Place | None]:
    document = orjson.loads(data) if len(data) <= LARGEST else {}
    if document["version"] != VERSION:
        raise ValueError
    return {str(log): _place(one) for log, one in document["logs"].items()}


def _place(one: dict[str, Any] | None) -> Place | None:
    if one is None:
        return None
    inode, offset, head, digest = one["inode"], one["offset"], one["head"], one["hash"]
    if not (type(inode) is type(offset) is type(head) is int and isinstance(digest, str)):
        raise TypeError
    if inode < 0 or not 0 <= offset < 1 << 63 or not 0 <= head <= HEAD:
        raise ValueError
    return Place(inode, offset, head, digest)
