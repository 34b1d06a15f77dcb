"""Lines of long lists that speak of some names: the others are never taken apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def lines_about(data: bytes, words: Collection[str]) -> Iterator[tuple[int, str]]:
    """The lines that contain one of these words, in any case, with their numbers from 1; all lines without words."""
    if not words:
        yield from enumerate(data.decode(errors="replace").splitlines(), 1)
        return
    pattern = re.compile(b"|".join(re.escape(word.encode()) for word in sorted(words)), re.IGNORECASE)
    number, counted, end = 1, 0, -1
    for found in pattern.finditer(data):
        if found.start() < end:
            continue  # in the line that was given just now
        begin = data.rfind(b"\n", 0, found.start()) + 1
        end = data.find(b"\n", found.end())
        end = len(data) if end < 0 else end
        number += data.count(b"\n", counted, begin)
        counted = begin
        yield number, data[begin:end].decode(errors="replace")
