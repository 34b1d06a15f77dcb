"""Regular expressions of squid.conf (``regcomp``, extended) as tests on names."""

from __future__ import annotations

import re
from typing import Final

from agent.model.proxy import NEVER, Names, Open, Test
from agent.model.resolver import NameSet, Scope

_SUFFIX: Final = re.compile(r"(\^|\(\^\|\\\.\)|\\\.|)((?:[A-Za-z0-9-]|\\\.)+)\$")


def name_test(text: str, *, ignore_case: bool, hello: bool) -> Test:
    """Whether a pattern fits the name."""
    found = _SUFFIX.fullmatch(text)
    if found is None:
        return Open(f"pattern {text} {ignore_case}", f"the pattern {text} is not followed")
    begin, name = found[1], found[2].replace("\\.", ".")
    if name != name.lower() and not ignore_case:
        return NEVER
    name = name.lower()
    scopes = {
        "^": (Scope.EXACT,),
        "(^|\\.)": (Scope.SUBTREE,),
        "\\.": (Scope.BELOW,),
        "": (Scope.SUBTREE, Scope.WITHIN),
    }
    return Names(tuple(NameSet(scope, name) for scope in scopes[begin]), hello)
