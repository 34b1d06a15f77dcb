"""Lines as all of Privoxy's files have them (``edit_read_line`` in loaders.c): comments and continued lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

WHITE: Final = " \t\n\v\f\r"
INT_MAX: Final = 0x7FFFFFFF
_NUMBER: Final = re.compile(r"[ \t]*\+?([0-9]{1,99})")
_COMMENT: Final = re.compile(r"(?<!\\)#.*", re.DOTALL)


def lines(data: bytes) -> Iterator[tuple[int, str]]:
    """The lines that say something, with the number of their first one."""
    text = data.decode(errors="surrogateescape")
    collected = ""
    first = 0
    goes_on = False
    for number, raw in enumerate(re.split("\r\n|\r|\n", text), 1):
        line = raw.partition("\0")[0]
        goes_on = line.endswith("\\")
        line = line.removesuffix("\\")
        if not collected:
            line = line.lstrip(WHITE)
            first = number
        if "#" in line:
            line = _COMMENT.sub("", line).replace("\\#", "#")
        collected += line
        if collected and not goes_on:
            yield first, collected.strip(WHITE)
            collected = ""
    if collected.strip(WHITE):
        yield first, collected.strip(WHITE)


def shown(text: str) -> str:
    """The same text for people: what is no UTF-8 is replaced."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def atoi(text: str) -> int:
    """The number that a text begins with, as C reads it; 0 where it begins with none."""
    found = _NUMBER.match(text)
    return min(int(found[1]), INT_MAX) if found else 0
