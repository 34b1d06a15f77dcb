"""Directives of tinyproxy.conf (``config_parse`` in conf.c): one a line, comments only where a line begins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Source
from agent.proxies.tinyproxy.options import WRITTEN
from agent.snapshot.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot import Artifact

LONGEST: Final = 2047
"""What follows is a line of its own (LINE_MAX)."""
_WORD: Final = re.compile(r"[ \t\n\v\f\r]*([^ \t\n\v\f\r]+)")


@record
class Directive:
    """One directive: its name in lower case, the parts of its value (None where one is left out), where it stands."""

    name: str
    parts: tuple[str | None, ...]
    source: Source

    @property
    def value(self) -> str:
        """The first part."""
        return self.parts[0] or ""

    @property
    def number(self) -> int:
        """The value as strtoul reads it: octal where it begins with a zero."""
        digits = re.match(r"0[0-7]*|[1-9][0-9]*", self.value)
        return int(digits[0], 8 if digits[0].startswith("0") else 10) & 0xFFFFFFFF if digits else 0

    @property
    def on(self) -> bool:
        """Whether a switch is on."""
        return self.value.lower() in ("yes", "on")


def directives(artifact: Artifact) -> Iterator[Directive]:
    """All of a file; raises Malformed where tinyproxy would not start."""
    for number, piece in pieces(artifact.data, LONGEST):
        line = piece.decode(errors="replace")
        found = _WORD.match(line)
        if line.startswith("#") or not found:
            continue
        form = WRITTEN.get(found[1].lower())
        if form is None:
            raise Malformed(f"{found[1]} is no directive", line=number)
        value = form.search(line[found.end(1) :])
        if value is None:
            raise Malformed(f"the value of {found[1]} is not understood", line=number)
        text = redact(line.strip().encode()).decode()
        yield Directive(found[1].lower(), value.groups(), Source(artifact.name, text, number))


def pieces(data: bytes, longest: int) -> Iterator[tuple[int, bytes]]:
    """The lines as fgets gives them, long ones in pieces, with their numbers."""
    for number, line in enumerate(data.split(b"\n"), 1):
        for at in range(0, len(line) + 1, longest):
            yield number, line[at : at + longest]
