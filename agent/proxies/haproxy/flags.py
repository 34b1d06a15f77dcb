"""What follows the expression of an ACL: flags, files, patterns (``parse_acl_expr`` in acl.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.proxies.haproxy.patterns import WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPARED: Final = (*WAYS, "reg", "len", "found", "bool", "int", "ip", "bin")


@record
class ListFile:
    """A file of patterns. What follows it does not change how it is read."""

    path: str
    fold: bool
    keys: bool
    """It is a map, of which the first words count (``-M``)."""

    def word(self, line: str) -> str:
        """Give the pattern of a line; spaces at its end belong to it."""
        return line.split(None, 1)[0] if self.keys else line


@record
class Written:
    """Patterns as they are written."""

    way: str
    """How they are compared (``-m``); empty where that is not said."""
    fold: bool
    files: tuple[ListFile, ...]
    words: tuple[str, ...]


def written(words: Sequence[str]) -> Written:
    """Read flags and what follows them; raises Malformed."""
    way = ""
    fold = keys = False
    files: list[ListFile] = []
    left = list(words)
    while left and left[0].startswith("-"):
        match left.pop(0):
            case "-i":
                fold = True
            case "-n":
                pass
            case "-M":
                keys = True
            case "--":
                break
            case "-u" if left:
                left.pop(0)
            case "-m" if left and left[0] in COMPARED:
                way = left.pop(0)
            case "-f" if left:
                files.append(ListFile(left.pop(0), fold, keys))
            case flag:
                raise Malformed(f"the flag {flag} is not understood")
    return Written(way, fold, tuple(files), tuple(left))
