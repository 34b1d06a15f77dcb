"""The storyboard: functions of lines ``if(state, list) action``, in files that include others (``StoryBoard.cpp``)."""

from __future__ import annotations

import re
from posixpath import dirname, join
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.source import Gap, Source
from agent.proxies.e2guardian.settings import MAX_DEPTH, MAX_FILES, NAME

if TYPE_CHECKING:
    from agent.snapshot.following import Following

_INCLUDE: Final = re.compile(r"\.Include<([^>]+)>")
_LINE: Final = re.compile(r"([^(]*)\(([^)]*)\)(.*)", re.DOTALL)
STATES: Final = frozenset({
    "blockset", "bypassallowset", "bypassset", "clientin", "connect", "doneset", "embeddedin", "exceptionset",
    "extensionin", "fullurlin", "get", "greyset", "hassniset", "headerin", "infectionbypassallowset",
    "mimein", "mitmset", "post", "redirectset", "refererin", "returnset", "searchin", "sitein", "siteisip", "tls",
    "true", "urlin", "useragentin", "viruscheckset",
})  # fmt: skip
"""Conditions of version 5.3; the program refuses a file with another one."""


@record
class Line:
    """One condition and what is done where it holds."""

    holds: bool
    """Whether it must hold (``if``), or must not (``ifnot``)."""
    state: str
    listed: str
    """The name of a list."""
    action: str
    ends: str
    """``return``: the function ends here; ``returnif``: where the action was true; or nothing."""
    source: Source


@record
class Story:
    """All functions, of which a later one replaces an earlier one of the same name."""

    functions: dict[str, tuple[Line, ...]]
    gaps: tuple[Gap, ...] = ()


def story(path: str, named_by: Source | None, following: Following) -> Story:
    """Read a storyboard; what the program would refuse is a gap."""
    reader = _Reader(following)
    reader.file(path, named_by, 0)
    return Story({name: tuple(lines) for name, lines in reader.functions.items()}, tuple(reader.gaps))


class _Reader:
    def __init__(self, following: Following) -> None:
        self._following = following
        self._files = 0
        self.functions: dict[str, list[Line]] = {}
        self.gaps: list[Gap] = []

    def file(self, path: str, named_by: Source | None, depth: int) -> None:
        self._files += 1
        if depth > MAX_DEPTH or self._files > MAX_FILES:
            self.gaps.append(Gap(NAME, f"too many files include each other: {path}", named_by))
            return
        artifact = self._following.file(path, named_by or Source(f"files{path}", ""))
        if artifact is None:
            return
        current: list[Line] = []
        for number, text in enumerate(artifact.text.split("\n"), 1):
            line = text.strip()
            source = Source(artifact.name, line, number)
            if line.startswith("."):
                if included := _INCLUDE.match(line):
                    self.file(join(dirname(path), included[1]), source, depth + 1)
                continue
            if not line or line.startswith("#"):
                continue
            found = _LINE.match(line.lower())
            command = found[1].strip() if found else line.lower()
            if found and command == "function":
                current = self.functions[found[2].strip()] = []
            elif command == "end":
                current = []
            elif found and command in ("if", "ifnot"):
                self._line(found, current, source)
            else:
                self.gaps.append(Gap(NAME, f"storyboard {path} line {number}: {command} is not understood", source))

    def _line(self, found: re.Match[str], current: list[Line], source: Source) -> None:
        state, _, rest = found[2].partition(",")
        state = state.strip()
        if state not in STATES:
            self.gaps.append(Gap(NAME, f"storyboard line {source.line}: condition {state} is not understood", source))
            return
        action = found[3].partition("#")[0].strip()
        ends = next((word for word in ("return", "returnif") if action.startswith(f"{word} ")), "")
        action = action.removeprefix(ends).strip()
        current.append(Line(found[1].strip() == "if", state, rest.partition(",")[0].strip(), action, ends, source))
