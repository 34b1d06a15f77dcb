"""Host patterns of Privoxy (urlmatch.c): globs of labels, open to the left or right where a dot says so."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from agent.errors import Irregular, Malformed
from agent.model.proxy import ALWAYS, NEVER, Names, Open, Test
from agent.model.regular import Dialect, pattern
from agent.model.resolver import NameSet, Scope

STAR: Final = frozenset("*")
REGULAR: Final = "PCRE-HOST-PATTERN:"
_PLAIN: Final = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_ATOM: Final = re.compile(r"\[([^\]]*)\]|(.)", re.DOTALL)


def names(text: str) -> Test:
    """Which names a host pattern fits; raises Malformed where it is no regular expression and should be one."""
    lower = text.lower()
    if _PLAIN.fullmatch(lower):
        return Names((NameSet(Scope.SUBTREE if lower.startswith(".") else Scope.EXACT, lower.removeprefix(".")),))
    labels = [one for one in lower.split(".") if one]
    if not labels:
        return ALWAYS
    found = [_label(one) for one in labels]
    expressions = [one for one in found if one is not None]
    if len(expressions) < len(found):
        return Open(f"host {lower}", f"{text} begins again in the middle of what it looks for")
    if any(not one for one in expressions):
        return NEVER
    left = r"(?:[^.]+\.)*" if lower.startswith(".") else ""
    right = r"(?:\.[^.]+)*" if lower.endswith(".") else ""
    return _regular(f"^{left}{'[.]'.join(expressions)}{right}$", lower, text)


def regular(text: str) -> Test:
    """Which names a regular expression fits."""
    return _regular(rf"{text}\.?$", text, text)


def _regular(expression: str, key: str, shown: str) -> Test:
    try:
        return Names((pattern(expression, Dialect.PCRE, ignore_case=True),))
    except Irregular as error:
        return Open(f"host {key}", f"{shown}: {error}")


def _label(label: str) -> str | None:
    """A regular expression for one label; empty: it fits none; None where what it fits depends on how it is looked for.

    After a star Privoxy goes on at the character where the rest did not fit, or behind it where that was in brackets
    (``simplematch``): it overlooks what begins before. The same is found only where the beginning cannot come again.
    """
    atoms: list[frozenset[str] | None] = []
    for one in _ATOM.finditer(label):
        if one[2] is not None:
            atoms.append({"*": STAR, "?": None}.get(one[2], frozenset(one[2])))
        else:
            atoms.append(_class(one[1]))
    if frozenset() in atoms or frozenset("[") in atoms:
        return ""
    stars = [at for at, one in enumerate(atoms) if one is STAR]
    for at, end in pairwise((*stars, len(atoms))):
        between = atoms[at + 1 : end]
        if (between or end < len(atoms)) and not _begins_once(between):
            return None
    return "".join(_expression(one) for one in atoms)


def _class(text: str) -> frozenset[str]:
    """The characters in brackets; none where these are not understood."""
    found: set[str] = set()
    last = "a"
    letters = iter(text)
    for letter in letters:
        if letter == "-":
            high = next(letters, "")
            if not high:
                return frozenset()
            found.update(map(chr, range(ord(last), ord(high) + 1)))
        else:
            last = letter
            found.add(letter)
    return frozenset(found)


def _begins_once(atoms: list[frozenset[str] | None]) -> bool:
    """Whether what stands between two stars is found as anybody would."""
    if len(atoms) == 1:
        return True
    first, *rest = atoms or (None,)
    return (
        first is not None and bool(rest) and all(one is not None and len(one) == 1 and not one & first for one in rest)
    )


def _expression(atom: frozenset[str] | None) -> str:
    if atom is STAR:
        return "[^.]*"
    if atom is None:
        return "[^.]"
    return f"[{''.join(re.escape(one) for one in sorted(atom))}]" if len(atom) > 1 else re.escape(*atom)


def read(text: str) -> Test:
    """Which names the host part of a URL pattern fits."""
    if text.upper().startswith(REGULAR):
        try:
            return regular(text[len(REGULAR) :])
        except Malformed as error:
            raise Malformed(f"{text}: {error}") from error
    return names(text)
