"""A table of a database as text: names of columns in the first line, then a line for each row, parted by tabs.

Text is what long lists are searched in, and what a person who looks into a snapshot can read. It is a third of the
database's own file, whose indexes nobody needs twice. Tabs and line ends inside a value become spaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.snapshot.search import lines_about

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from agent.snapshot.snapshot import Artifact


def artifact_name(path: str, table: str) -> str:
    """The artifact that holds the rows of a table."""
    return f"rows{path}/{table}"


def columns_of(artifact: Artifact) -> list[str]:
    """The names of the columns."""
    return artifact.data.partition(b"\n")[0].decode(errors="replace").split("\t")


def rows(artifact: Artifact, words: Collection[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows that contain one of some words, in any case (no words: all), by column, with their line."""
    header = columns_of(artifact)
    for number, line in lines_about(artifact.data, words) if words else _lines(artifact):
        values = line.split("\t")
        if number > 1 and len(values) == len(header):
            yield number, dict(zip(header, values, strict=True))


def _lines(artifact: Artifact) -> Iterator[tuple[int, str]]:
    """All lines; the other ends of lines that Unicode knows may be in values."""
    return enumerate(artifact.text.split("\n"), 1)
