"""Patterns of filter rules as regular expressions about names (``patternToRegexp`` and ``matchPattern`` of urlfilter).

A pattern that begins with ``||`` is held against ``http://name/``, any other against the name alone. So ``^`` (neither
letter, digit, nor one of ``_-.%``) fits the end of a name, and nothing of a path ever fits.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from agent.model.regular import Dialect
from agent.resolvers.filtering.regexes import EVERY, concerned, name_pattern

if TYPE_CHECKING:
    from agent.model.resolver import Named

_BODY: Final = re.compile(r"[a-z0-9_.*-]*")
_REST: Final = re.compile(r"[*^]*\|?")
_AFTER_SLASH: Final = re.compile(r"/[a-z0-9.-]+\.")
"""``/name.`` is held against ``http://name/`` too."""

MAX_KNOWN: Final = 20_000
"""Patterns that are remembered: each is asked about for each kind of clients."""
EVERYTHING: Final = ("", "$", "^", "^(.+\\.)?")
"""What patterns come to that are nothing but signs."""


def expression(pattern: str) -> str | None:
    """A regular expression that fits the same names; None where a pattern never fits a name."""
    text = pattern.lower()
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        return pattern[1:-1]
    if text.startswith("||"):
        return _against_address(text[2:], "^(.+\\.)?")
    for scheme in ("http://", "://"):
        if text.startswith(scheme):
            return _against_address(text.removeprefix(scheme), "^")
    if _AFTER_SLASH.fullmatch(text):
        return _against_address(text[1:], "^")
    start = "^" if text.startswith("|") else ""
    body, rest = _split(text.removeprefix("|"))
    if _REST.fullmatch(rest) is None:
        return None
    return _joined(start, body, ends=bool(rest.replace("*", "")))


def _against_address(text: str, start: str) -> str | None:
    """What follows the name is a slash and nothing else."""
    body, rest = _split(text)
    if rest and rest[0] in "^/":
        return _joined(start, body, ends=True) if _REST.fullmatch(rest[1:]) else None
    if rest == "|":  # the end, which only a star gets to
        return _joined(start, body, ends=False) if body.endswith("*") else None
    return _joined(start, body, ends=False) if not rest else None


def _split(text: str) -> tuple[str, str]:
    """What may be of a name, and what follows."""
    found = _BODY.match(text)
    end = found.end() if found else 0
    return text[:end], text[end:]


def _joined(start: str, body: str, *, ends: bool) -> str:
    if body.startswith("*"):
        start, body = "", body.lstrip("*")
    if not ends:
        body = body.rstrip("*")
    words = ".*".join(re.escape(part).replace("\\-", "-") for part in body.split("*"))
    return f"{start}{words}{'$' if ends else ''}"


@lru_cache(maxsize=MAX_KNOWN)
def names_of(pattern: str) -> tuple[tuple[Named, ...], bool]:
    """The names that a pattern fits, and whether that is known; else those among which all are that it fits."""
    regex = expression(pattern)
    if regex is None:
        return (), True
    if regex in EVERYTHING:
        return (EVERY,), True
    found = name_pattern(regex, Dialect.GO)
    return (found, True) if found is not None else (concerned(regex), False)
