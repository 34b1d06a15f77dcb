"""Regular expressions about names, as sets of names, where they are plain: the beginning, a name, the end.

POSIX extended (Pi-hole) and Go's (AdGuard Home) mean the same by all that is read here. Letters have no case.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from agent.model.resolver import NameSet, Scope


class Dialect(StrEnum):
    """Whose syntax a regular expression has."""

    POSIX = "posix"
    GO = "go"


EVERY: Final = NameSet(Scope.SUBTREE, "")
_NAME: Final = r"((?:[a-z0-9_-]|\\[.-])+)\$"
_PLAIN: Final = (
    (re.compile(rf"\^{_NAME}"), (Scope.EXACT,)),
    (re.compile(rf"\((?:\^\|\\\.|\\\.\|\^|\?:\^\|\\\.|\?:\\\.\|\^)\){_NAME}"), (Scope.SUBTREE,)),
    (re.compile(rf"\^\((?:\?:)?\.[*+]\\\.\)\?{_NAME}"), (Scope.SUBTREE,)),
    (re.compile(rf"(?:\^\.[*+])?\\\.{_NAME}"), (Scope.BELOW,)),
    (re.compile(_NAME), (Scope.SUBTREE, Scope.WITHIN)),
)
"""Forms with one name, and what of it they stand for."""
_ALL: Final = re.compile(r"\^?\.[*+]?\$?")
_END: Final = re.compile(r"(?<!\\)((?:[a-z0-9_-]|\\[.-])+)\$\Z")


def name_pattern(text: str, _dialect: Dialect) -> tuple[NameSet, ...] | None:
    """The names that a regular expression fits, as a union of sets; None where it is not a plain one."""
    lower = text.lower()
    if _ALL.fullmatch(lower):
        return (EVERY,)
    for form, scopes in _PLAIN:
        if found := form.fullmatch(lower):
            name = found[1].replace("\\", "")
            return tuple(NameSet(scope, name) for scope in scopes) if _is_name(name) else None
    return None


def concerned(text: str) -> tuple[NameSet, ...]:
    """Names among which all are that a regular expression fits, whatever it says: those with its end."""
    lower = text.lower()
    found = _END.search(lower)
    if found is None or "|" in lower:
        return (EVERY,)
    name = found[1].replace("\\", "")
    if name.startswith("."):
        return (NameSet(Scope.BELOW, name[1:]),) if _is_name(name[1:]) else (EVERY,)
    return (NameSet(Scope.SUBTREE, name), NameSet(Scope.WITHIN, name)) if _is_name(name) else (EVERY,)


def _is_name(text: str) -> bool:
    """Whether these may be whole labels of a name."""
    return bool(text) and all(text.split("."))


def may_meet(one: NameSet, other: NameSet) -> bool:
    """Whether there may be names in both; true where that is not known."""
    return one.text.endswith(other.text) or other.text.endswith(one.text)
