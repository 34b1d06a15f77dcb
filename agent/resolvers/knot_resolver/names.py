"""Names of Knot Resolver's Lua: as text, and as the bytes of the wire that patterns are held against."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.resolvers.lua import Call, Table
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from agent.resolvers.lua import Value

TO_NAME: Final = frozenset({"todname", "kres.str2dname"})
_CLASSES: Final = {
    "a": "a-zA-Z", "d": "0-9", "l": "a-z", "s": r"\s", "u": "A-Z", "w": "a-zA-Z0-9", "x": "0-9a-fA-F",
    "c": r"\x00-\x1f\x7f", "p": r"!-/:-@\[-`{-~", "z": r"\x00",
}  # fmt: skip


def name_of(value: Value) -> str | None:
    """Give the name in ``todname('x.')``, or of the bytes of one; None for what is computed."""
    if isinstance(value, Call) and value.function in TO_NAME and value.arguments:
        text = value.arguments[0]
        return zone_name(text) if isinstance(text, str) else None
    return _unwired(value) if isinstance(value, str) else None


def _unwired(text: str) -> str | None:
    """The bytes of a name on the wire to its text; None for what is none."""
    labels: list[str] = []
    at = 0
    while at < len(text) and ord(text[at]):
        size = ord(text[at])
        labels.append(text[at + 1 : at + 1 + size])
        at += 1 + size
    return ".".join(labels).lower() if at == len(text) - 1 else None


def names_of(value: Value) -> tuple[str, ...] | None:
    """Give the names of a table of them, or of ``policy.todnames({...})``; None where one is computed."""
    if isinstance(value, Call) and value.function == "policy.todnames" and value.arguments:
        table = value.arguments[0]
        if isinstance(table, Table) and all(isinstance(one, str) for one in table.row):
            return tuple(zone_name(one) for one in table.row if isinstance(one, str))
        return None
    found = [name_of(one) for one in value.row] if isinstance(value, Table) else [None]
    return None if None in found else tuple(one for one in found if one is not None)


def wired(name: str) -> str:
    """The bytes of a name as it is asked for, each as one character."""
    return "".join(f"{chr(len(label))}{label}" for label in name.split(".") if label) + "\0"


def pattern_of(text: str) -> re.Pattern[str] | None:
    """Give a Lua pattern (manual, §5.4.1) as a regular expression; None for what there is none for."""
    made: list[str] = []
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "%":
            following = text[at + 1 : at + 2]
            if not following or following in "bf0123456789":
                return None
            made.append(_class(following))
            at += 2
        elif letter == "[":
            item, at = _set(text, at)
            if item is None:
                return None
            made.append(item)
        elif letter in "()":
            return None
        elif letter == "." or (letter == "^" and at == 0) or (letter == "$" and at == len(text) - 1):
            made.append({".": "(?s:.)", "^": r"\A", "$": r"\Z"}[letter])
            at += 1
        elif letter in "*+-?" and made:
            made.append("*?" if letter == "-" else letter)
            at += 1
        else:
            made.append(re.escape(letter))
            at += 1
    try:
        return re.compile("".join(made))
    except re.error:
        return None


def _class(letter: str) -> str:
    known = _CLASSES.get(letter.lower())
    if known is None:
        return re.escape(letter)
    return f"[^{known}]" if letter.isupper() else f"[{known}]"


def _set(text: str, at: int) -> tuple[str | None, int]:
    """``[a-z%d]``, and the place behind it."""
    at += 1
    made = "["
    if text[at : at + 1] == "^":
        made += "^"
        at += 1
    begin = at
    while at < len(text) and (text[at] != "]" or at == begin):
        if text[at] == "%" and at + 1 < len(text):
            known = _CLASSES.get(text[at + 1])
            if known is None and text[at + 1].isalnum():
                return None, at
            made += known or re.escape(text[at + 1])
            at += 2
        elif text[at] == "-" and begin < at and text[at + 1 : at + 2] not in ("]", ""):
            made += "-"
            at += 1
        else:
            made += re.escape(text[at])
            at += 1
    return (f"{made}]", at + 1) if at < len(text) else (None, at)
