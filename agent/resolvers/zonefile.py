"""Records of a zone file (RFC 1035 §5), those about some names alone: a block list may have a million others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLASSES: Final = frozenset({"IN", "CH", "HS", "CS"})
NAMED: Final = frozenset({"CNAME", "DNAME", "NS"})
"""Types whose data is a name."""
_TTL: Final = re.compile(r"\d+[smhdwSMHDW]?(?:\d+[smhdwSMHDW])*")
_SPECIAL: Final = re.compile(r"[;()\"]")
_WORD: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|;[^\n]*|[()]|(?:[^\s;()"\\]|\\.)+')


@record
class ZoneRecord:
    """One record; names are whole, lower case, without trailing dot."""

    owner: str
    type: str
    data: tuple[str, ...]
    line: int
    text: str


def records(text: str, origin: str, matters: Callable[[str], bool]) -> Iterator[ZoneRecord]:
    """The records whose owner matters; raises Malformed with the line where a zone file cannot say so."""
    base = owner = origin
    for words, line, has_owner, written in _entries(text):
        if has_owner and words[0].startswith("$"):
            if words[0].upper() == "$ORIGIN" and len(words) > 1:
                base = absolute(words[1], base)
            elif words[0].upper() != "$TTL":
                raise Malformed(f"{words[0]} is not followed", line=line)
            continue
        rest = words[1:] if has_owner else words
        owner = absolute(words[0], base) if has_owner else owner
        if matters(owner):
            while rest and (rest[0].upper() in CLASSES or _TTL.fullmatch(rest[0])):
                rest = rest[1:]
            if not rest:
                raise Malformed("a record has no type", line=line)
            kind = rest[0].upper()
            data = tuple(absolute(word, base) if kind in NAMED else word for word in rest[1:])
            yield ZoneRecord(owner, kind, data, line, written)


def _entries(text: str) -> Iterator[tuple[list[str], int, bool, str]]:
    """Words of each entry, the line it begins in, whether it begins with an owner, and its first line."""
    words: list[str] = []
    depth = begin = 0
    has_owner = False
    written = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not depth:
            words, begin, has_owner, written = [], number, not line.startswith((" ", "\t")), line.strip()
            if not _SPECIAL.search(line):
                words = line.split()
        if depth or _SPECIAL.search(line):
            for word in _WORD.findall(line):
                depth += (word == "(") - (word == ")")
                if word not in ("(", ")") and not word.startswith(";"):
                    words.append(word)
        if words and depth <= 0:
            yield words, begin, has_owner, written
    if depth > 0:
        raise Malformed("a parenthesis is not closed", line=begin)


def absolute(word: str, origin: str) -> str:
    """A name as the file means it: relative to the origin unless it ends in a dot."""
    if word == "@":
        return origin
    if word.endswith("."):
        return word[:-1].lower()
    return f"{word}.{origin}".lower() if origin else word.lower()
