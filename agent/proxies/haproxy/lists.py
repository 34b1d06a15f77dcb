"""Lists of patterns and maps in files (``pat_ref_read_from_file`` in pattern.c), for the names of interest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.snapshot import Artifact

MAX_ENTRIES: Final = 10_000
"""Entries of a list that become objects."""


def entries(artifact: Artifact) -> Iterator[tuple[int, str]]:
    """The lines that say something: without spaces before, without comments."""
    for number, raw in enumerate(artifact.data.split(b"\n"), 1):
        line = raw.lstrip(b" \t")
        if line and line[:1] not in b"#\r":
            yield number, line.rstrip(b"\r").decode(errors="replace")


class Narrow:
    """Entries of a list that may say something about the names of interest."""

    def __init__(self, interest: Interest) -> None:
        self._all = not interest.names
        self._ends = {name[at:] for name in interest.names for at in range(len(name))}
        self._below = tuple("." + name for name in interest.names)

    def keeps(self, word: str) -> bool:
        """Whether a name of interest, or one below, may be or end in this word."""
        lower = word.lower()
        return self._all or lower in self._ends or lower.endswith(self._below)


def listed(artifact: Artifact, narrow: Narrow | None) -> list[tuple[int, str]] | None:
    """Entries that are worth keeping; None where there are too many."""
    kept: list[tuple[int, str]] = []
    for number, line in entries(artifact):
        if narrow is None or narrow.keeps(line.split(None, 1)[0]):
            kept.append((number, line))
            if len(kept) > MAX_ENTRIES:
                return None
    return kept
