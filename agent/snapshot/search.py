"""Lines of long lists that speak of some names: the others are never taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def lines_about(data: bytes, words: Collection[str]) -> Iterator[tuple[int, str]]:
    """The lines that contain one of these words, in any case, with their numbers from 1; all lines without words."""
    if not words:
        yield from enumerate(data.decode(errors="replace").splitlines(), 1)
        return
    text = data.lower()
    begins: set[int] = set()
    for word in {one.lower().encode() for one in words}:  # a regular expression of them all takes ten times as long
        at = text.find(word)
        while at >= 0:
            begins.add(text.rfind(b"\n", 0, at) + 1)
            end = text.find(b"\n", at + len(word))
            at = text.find(word, end) if end >= 0 else -1
    number, counted = 1, 0
    for begin in sorted(begins):
        end = data.find(b"\n", begin)
        number += data.count(b"\n", counted, begin)
        counted = begin
        yield number, data[begin : end if end >= 0 else None].decode(errors="replace")
