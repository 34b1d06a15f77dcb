"""Words of a line of squid.conf (``ConfigParser.cc``); of proxies nothing is known here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE: Final = " \t\n\r"
_WORD: Final = re.compile(r"[^ \t\n\r]+")
_PATTERN: Final = re.compile(r"(?:[^ \t\n\r\\]|\\[^\r\n])+")
_STRICT: Final = re.compile(r"[A-Za-z0-9.,()=_/:-]+|\d+%")
_FILE: Final = re.compile(r"parameters\(\s*([\"'])((?:[^\\\"']|\\.)*)\1\s*\)")
_ESCAPED: Final = {"r": "\r", "n": "\n", "t": "\t"}
MAX_WORDS: Final = 1_000_000


@record
class Word:
    """One word; ``file`` is the file that stands for a list of words."""

    text: str
    file: str = ""


def words(text: str, *, quotes: bool = False, pattern: bool = False) -> Iterator[Word]:
    """The words up to a comment; raises Malformed where Squid would stop.

    ``quotes``: the rules of ``configuration_includes_quoted_values on``. ``pattern``: a backslash keeps a space.
    """
    at = 0
    while at < len(text):
        if text[at] in SPACE:
            at += 1
        elif text[at] == "#":
            return
        elif quotes and text[at] in "\"'":
            value, at = _unquoted(text, at)
            yield Word(value)
        elif quotes:
            word, at = _plain(text, at)
            yield word
        else:
            found = (_PATTERN if pattern else _WORD).match(text, at)
            if found is None:
                raise Malformed(f"unescaped '\\' in {text[at:]}")
            at = found.end()
            yield Word(found[0], _quoted_file(found[0]))


def _quoted_file(word: str) -> str:
    """The file that a word in quotes names; either quote ends either."""
    return re.split("[\"']", word[1:], maxsplit=1)[0] if word[0] in "\"'" else ""


def _plain(text: str, at: int) -> tuple[Word, int]:
    """A word without quotes where values may have them: few characters are allowed."""
    if listed := _FILE.match(text, at):
        return Word(listed[0], re.sub(r"\\(.)", r"\1", listed[2])), listed.end()
    found = _WORD.match(text, at)
    if found is None or not _STRICT.fullmatch(found[0]) or (found[0].find("(") > 0):
        raise Malformed(f"not alphanumeric without quotes: {text[at:].split(maxsplit=1)[0]}")
    return Word(found[0]), found.end()


def _unquoted(text: str, at: int) -> tuple[str, int]:
    """What stands in quotes, and the place behind it."""
    quote, kept = text[at], []
    at += 1
    while at < len(text) and text[at] != quote:
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            if text[at].isalnum() and text[at] not in _ESCAPED:
                raise Malformed(f"unsupported escape sequence \\{text[at]}")
            kept.append(_ESCAPED.get(text[at], text[at]))
        else:
            kept.append(text[at])
        at += 1
    if at >= len(text):
        raise Malformed("a quote is not closed")
    if at + 1 < len(text) and text[at + 1] not in SPACE + "()#":
        raise Malformed(f"no space behind a quote: {text[at + 1 :]}")
    return "".join(kept), at + 1


def values_of(line: str, *, quotes: bool) -> tuple[str, ...]:
    """The values of one line of a list file; raises Malformed.

    Without quotes the whole line is one, up to a comment that stands apart (``strtokFile``).
    """
    if quotes:
        return tuple(word.text for word in words(line, quotes=True))
    if "#" not in line:
        text = line.strip(SPACE)
        return (text,) if text else ()
    if line.lstrip(SPACE).startswith("#"):
        return ()
    text = re.split(r"[ \t\r]#", line, maxsplit=1)[0].strip(SPACE)
    return (text,) if text else ()
