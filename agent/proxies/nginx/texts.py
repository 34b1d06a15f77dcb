"""Texts with variables in them, as nginx compiles them (``ngx_http_compile_complex_value``)."""

from __future__ import annotations

import re
from typing import Final

VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)


def parts_of(text: str) -> list[tuple[bool, str]]:
    """Pieces of a text, each with whether it is the name of a variable."""
    found: list[tuple[bool, str]] = []
    at = 0
    for one in VARIABLE.finditer(text):
        if one.start() > at:
            found.append((False, text[at : one.start()]))
        found.append((True, one[1] or one[2]))
        at = one.end()
    if at < len(text) or not found:
        found.append((False, text[at:]))
    return found
