"""Regular expressions about names, as sets of names: letters have no case.

Most are plain, and a set of names that ends alike; the others are regular languages (agent/model/regular). POSIX
extended (Pi-hole, by TRE) and Go's (AdGuard Home) mean the same by the plain forms.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from agent.errors import Irregular, Malformed
from agent.model.regular import Dialect, pattern
from agent.model.resolver import NameSet, Scope

if TYPE_CHECKING:
    from agent.model.resolver import Named

MAX_KNOWN: Final = 4096
"""Expressions that are remembered: each is asked about for each kind of clients."""
MAX_LENGTH: Final = 1000
"""Letters of an expression whose end is looked for."""
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


def name_pattern(text: str, dialect: Dialect) -> tuple[Named, ...] | None:
    """The names that a regular expression fits, as a union of sets; None where that cannot be decided."""
    lower = text.lower()
    if _ALL.fullmatch(lower):
        return (EVERY,)
    for form, scopes in _PLAIN:
        if found := form.fullmatch(lower):
            name = found[1].replace("\\", "")
            return tuple(NameSet(scope, name) for scope in scopes) if _is_name(name) else None
    return _language(text, dialect)


@lru_cache(maxsize=MAX_KNOWN)
def _language(text: str, dialect: Dialect) -> tuple[Named, ...] | None:
    try:
        found = pattern(text, dialect, ignore_case=True)
    except (Malformed, Irregular):  # one that the program refuses may be one that we read otherwise
        return None
    return found.simple() or (found,)


def concerned(text: str) -> tuple[NameSet, ...]:
    """Names among which all are that a regular expression fits, whatever it says: those with its end."""
    lower = text.lower()
    found = _END.search(lower) if len(lower) <= MAX_LENGTH else None
    if found is None or "|" in lower:
        return (EVERY,)
    name = found[1].replace("\\", "")
    if name.startswith("."):
        return (NameSet(Scope.BELOW, name[1:]),) if _is_name(name[1:]) else (EVERY,)
    return (NameSet(Scope.SUBTREE, name), NameSet(Scope.WITHIN, name)) if _is_name(name) else (EVERY,)


def _is_name(text: str) -> bool:
    """Whether these may be whole labels of a name."""
    return bool(text) and all(text.split("."))


def may_meet(one: Named, other: Named) -> bool:
    """Whether there may be names in both; true where that is not known."""
    if not isinstance(one, NameSet) or not isinstance(other, NameSet):
        return True
    return one.text.endswith(other.text) or other.text.endswith(one.text)
