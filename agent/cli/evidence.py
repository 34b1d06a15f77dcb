"""Evidence files on the command line: kept while traffic is watched or replayed, read by an audit."""

from __future__ import annotations

import time
from functools import reduce
from typing import TYPE_CHECKING

from agent.errors import StateError
from agent.model.evidence import Observed
from agent.observe.keep import save
from agent.observe.merge import merge, pruned
from agent.observe.tap_apart import apart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Keeper:
    """Adds what several parts see to what a file holds already.

    Raises StateError where that is no evidence, or it cannot be written.
    """

    def __init__(self, path: Path, now: float | None = None) -> None:
        """Begin; without a time, now."""
        self._path = path
        # what checks it takes more memory than all the rest
        past = apart(lambda: _recovered(path))
        at = time.time() if now is None else now
        self._past = past or Observed(since=at, until=at)
        self._parts: dict[int, Observed] = {}
        self.save()

    def put(self, part: int, observed: Observed, tell: Callable[[str], None]) -> None:
        """Take what a part has seen since it began, in place of what it said before, and write it."""
        self._parts[part] = observed
        try:
            self.save()
        except StateError as error:
            tell(str(error))

    def save(self) -> None:
        """Write all of it; raises StateError."""
        whole = reduce(merge, self._parts.values(), self._past)
        save(pruned(whole, whole.until), self._path)


def parsed(document: bytes) -> Observed:
    """What another process of this program wrote; raises StateError."""
    from agent.store import evidence  # noqa: PLC0415 - only with several processes

    return evidence.parsed(document, "evidence of a process")


def _recovered(path: Path) -> Observed | None:
    from agent.store import evidence  # noqa: PLC0415 - in a process that ends

    return evidence.load(path) if path.exists() else None
