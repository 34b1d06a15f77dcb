"""Actions files (actions.c): sections of actions, and the URL patterns that they are for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Source
from agent.proxies.privoxy.lines import WHITE, atoi, lines, shown
from agent.proxies.privoxy.options import (
    ACTIONS,
    FORMER_ACTIONS,
    HARMLESS_ACTIONS,
    OPEN_ACTIONS,
    VALUELESS,
)
from agent.proxies.privoxy.urls import UrlPattern, url_pattern
from agent.snapshot.redact import GONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.names import Interest
    from agent.snapshot import Artifact

VERSION: Final = (3, 0, 34)
MOST: Final = 50_000
"""Patterns that are kept: lists of other names are never taken apart."""
KNOWN: Final = ACTIONS | HARMLESS_ACTIONS | OPEN_ACTIONS.keys()
FOLLOWED: Final = ACTIONS | OPEN_ACTIONS.keys()
Changes = dict[str, str | None]
"""Actions that are switched on, with their parameter, or off (None)."""

_PLAIN: Final = re.compile(r"\.?([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)(?::[0-9]+)?(?:/(.*))?")
_READABLE: Final = re.compile(r"[\w/=&%~-]*")
"""A path that is a regular expression whatever its letters are."""
_TOKEN: Final = re.compile(r"[ \t]*([^ \t{}]+)(\{((?:\\\}|[^}])*)\})?")


@record
class Entry:
    """One pattern of a section, and what the section does."""

    text: str
    url: UrlPattern
    changes: tuple[tuple[str, str | None], ...]
    source: Source

    def change(self, action: str) -> tuple[str | None] | None:
        """What it does to an action: its parameter, or None within where it is switched off; None: nothing."""
        return next(((value,) for name, value in self.changes if name == action), None)


def entries(artifact: Artifact, interest: Interest) -> Iterator[Entry]:
    """The patterns that are about names of interest, in order; raises Malformed where Privoxy would not start."""
    aliases: dict[str, Changes] = {}
    block = ""
    changes: tuple[tuple[str, str | None], ...] = ()
    kept = 0
    for number, line in lines(artifact.data):
        if line.startswith("{{"):
            block = _block(line, number, block)
        elif line.startswith("{"):
            block = "actions"
            line = _closed(line)  # noqa: PLW2901 - the same line
            if not line.endswith("}"):
                raise Malformed("a section is not closed", line=number)
            found = _changes(line[1:-1], aliases, number)
            changes = tuple((name, value) for name, value in found.items() if name in FOLLOWED)
        elif block == "alias":
            name, equals, value = line.partition("=")
            if not equals or not name or not value.strip(WHITE):
                raise Malformed("an alias is not understood", line=number)
            aliases[name.rstrip(" \t").lower()] = _changes(value.lstrip(" \t"), aliases, number)
        elif block == "settings":
            _settings(line, number)
        elif block == "actions":
            matters = _matters(line, interest)
            if matters is None:
                continue
            try:
                url = url_pattern(line)
            except Malformed as error:
                raise Malformed(f"{shown(line)}: {error}", line=number) from error
            if not matters or not changes:
                continue
            kept += 1
            if kept > MOST:
                raise Malformed(f"more than {MOST} patterns that may matter", line=number)
            yield Entry(shown(line), url, changes, Source(artifact.name, shown(line), number))
        elif not block:
            raise Malformed("the first line should begin with {", line=number)


def _closed(line: str) -> str:
    """A section of which the end went with a secret that was taken out of the snapshot."""
    return line + "}" * (line.count("{") - line.count("}")) if line.rstrip('"').endswith(GONE.decode()) else line


def _matters(text: str, interest: Interest) -> bool | None:
    """Whether a pattern may be about names of interest; None where it is not, and is one that Privoxy understands."""
    found = _PLAIN.fullmatch(text)
    if not found:
        return True
    name = found[1].lower()
    if interest.touches(name) if text.startswith(".") else interest.holds(name):
        return True
    return None if _READABLE.fullmatch(found[2] or "") else False


def _block(line: str, number: int, before: str) -> str:
    """``{{settings}}``, ``{{description}}``, ``{{alias}}``: each once, in this order."""
    order = ("", "settings", "description", "alias", "actions")
    name = line[2:-2].strip(WHITE).lower() if line.endswith("}}") else ""
    if name not in order[1:4] or order.index(before) >= order.index(name):
        raise Malformed(f"{shown(line)} should not stand here", line=number)
    return name


def _settings(line: str, number: int) -> None:
    wanted = re.match(r"for-privoxy-version=([^.]*)(?:\.([^.]*))?(?:\.([^.]*))?", line)
    if wanted and any(atoi(one or "") > ours for one, ours in zip(wanted.groups(), VERSION, strict=True)):
        raise Malformed(f"a newer release is required: {shown(line)}", line=number)


def _changes(text: str, aliases: dict[str, Changes], number: int) -> Changes:
    """What a list of actions does (``get_actions``): of one action, what is said last."""
    found: Changes = {}
    at = 0
    text = text.strip(WHITE)
    while text[at:].strip(" \t"):
        token = _TOKEN.match(text, at)
        if token is None:
            raise Malformed(f"the actions are not understood: {shown(text[at:])}", line=number)
        at = token.end()
        word = token[1].lower()
        name, value = word[1:], token[3].replace("\\}", "}").strip(WHITE) if token[2] else None
        if word[0] in "+-" and name in KNOWN:
            if name in VALUELESS and value is not None:
                raise Malformed(f"{name} takes no parameter", line=number)
            if word[0] == "-":
                found[name] = None
            elif name not in VALUELESS and not value and name != "block":
                raise Malformed(f"{name} needs a parameter", line=number)
            else:
                found[name] = value or ""
        elif word in aliases:
            found |= aliases[word]
        elif name not in FORMER_ACTIONS:
            raise Malformed(f"unknown action {shown(word)}", line=number)
    return found
