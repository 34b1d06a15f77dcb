"""Directives of squid.conf and of the files it includes (``parseOneConfigFile`` in ``cache_cf.cc``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.proxies.squid.directives import RENAMED
from agent.proxies.squid.words import SPACE, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.proxies.squid.words import Word
    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

MAX_DEPTH: Final = 16
"""Files that include each other; Squid ends beyond it."""
MAX_LINE: Final = 8190
"""Bytes of a line (``BUFSIZ``): Squid takes what follows for another."""
MAX_FILES: Final = 1_000
MAX_BYTES: Final = 256 << 20
"""Of all files together, each as often as it is included."""
PROGRAM: Final = "squid"
QUOTES: Final = "configuration_includes_quoted_values"
_STATEMENT: Final = re.compile(r"(if|else|endif)(?:\s+(.*)|)$")
_INCLUDE: Final = re.compile(r"include[ \t]+(.+)")
_PATHS: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_INTEGERS: Final = re.compile(r"\s*(-?\d{1,18})\s*=\s*(-?\d{1,18})\s*")


@record
class Line:
    """One directive: its name, and what follows it."""

    name: str
    text: str
    source: Source
    quotes: bool = False
    """Whether ``configuration_includes_quoted_values`` is on here."""

    def words(self, *, pattern: bool = False) -> tuple[Word, ...]:
        """Its words; raises Malformed."""
        return tuple(words(self.text, quotes=self.quotes, pattern=pattern))

    def texts(self) -> tuple[str, ...]:
        """Its words as texts; raises Malformed."""
        return tuple(word.text for word in self.words())

    @property
    def first(self) -> str:
        """The first word, or nothing."""
        try:
            return next(iter(self.texts()), "")
        except Malformed:
            return ""


def lines(path: str, following: Following, macros: Mapping[str, str]) -> tuple[tuple[Line, ...], tuple[Gap, ...]]:
    """The directives in order, and what Squid would not start with or we cannot read."""
    reader = _Reader(following, macros)
    reader.file(path, Source(following.artifact(path), ""), 0)
    return tuple(reader.found), tuple(reader.gaps)


class _Reader:
    def __init__(self, following: Following, macros: Mapping[str, str]) -> None:
        self.found: list[Line] = []
        self.gaps: list[Gap] = []
        self._following = following
        self._macros = macros
        self._quotes = False
        self._files = self._bytes = 0
        self._ended = False

    def file(self, path: str, named_by: Source | None, depth: int) -> None:
        if path.startswith(("!", "|")):
            self.gaps.append(Gap(PROGRAM, f"a program writes the configuration: {path}", named_by))
            return
        if self._ended:
            return
        if depth > MAX_DEPTH or self._files > MAX_FILES or self._bytes > MAX_BYTES:
            self._ended = True  # as Squid does where it is too deep
            reason = "includes are nested too deeply" if depth > MAX_DEPTH else "too many files are included"
            self.gaps.append(Gap(PROGRAM, f"{reason}: {path}", named_by))
            return
        if not path.startswith("/"):
            self.gaps.append(Gap(PROGRAM, f"where {path} is depends on where Squid was started", named_by))
            return
        missing = len(self._following.gaps)
        magic = any(letter in path for letter in "*?[")
        found = self._following.matching(path, named_by) if magic else (self._following.file(path, named_by),)
        self.gaps += self._following.gaps[missing:]
        for artifact in found:
            if artifact is not None:
                self._files += 1
                self._bytes += len(artifact.data)
                self._text(artifact, depth)

    def _text(self, artifact: Artifact, depth: int) -> None:
        states: list[bool] = []
        if any(len(line) > MAX_LINE for line in artifact.data.split(b"\n")):
            self.gaps.append(Gap(PROGRAM, "a line is longer than Squid reads", Source(artifact.name, "")))
        for text, source in _logical(artifact):
            line = text
            for macro, value in self._macros.items():
                line = line.replace(macro, value)
            if statement := _STATEMENT.match(line):
                self._condition(statement[1], (statement[2] or "").strip(), states, source)
            elif states and not states[-1]:  # an inner condition counts alone, whatever the outer one says
                continue
            elif included := _INCLUDE.match(line):
                self._include(included[1], source, depth)
            else:
                self._directive(line, source)
        if states:
            self.gaps.append(Gap(PROGRAM, "if without endif", Source(artifact.name, "")))

    def _include(self, text: str, source: Source, depth: int) -> None:
        for quoted, single, plain in _PATHS.findall(text):
            self.file(quoted or single or plain, source, depth + 1)

    def _condition(self, word: str, expression: str, states: list[bool], source: Source) -> None:
        if word == "if":
            integers = _INTEGERS.fullmatch(expression)
            if expression not in ("true", "false") and integers is None:
                self.gaps.append(Gap(PROGRAM, f"a condition is not understood: {expression}", source))
            states.append(int(integers[1]) == int(integers[2]) if integers else expression == "true")
        elif not states:
            self.gaps.append(Gap(PROGRAM, f"{word} without if", source))
        elif word == "else":
            states[-1] = not states[-1]
        else:
            states.pop()

    def _directive(self, text: str, source: Source) -> None:
        name, *rest = re.split(r"[ \t\r\n]+", text, maxsplit=1)
        line = Line(RENAMED.get(name, name), rest[0] if rest else "", source, self._quotes)
        if name == QUOTES:
            self._quotes = line.first == "on"
        self.found.append(line)


def _logical(artifact: Artifact) -> Iterator[tuple[str, Source]]:
    """Lines without comments, those that end in a backslash joined with the next."""
    kept, begin = "", 0
    for number, raw in enumerate(artifact.text.split("\n"), 1):
        text = raw.partition("\r")[0].lstrip(SPACE)
        if not text or text.startswith("#"):  # inside a continued line as well
            continue
        begin = begin if kept else number
        kept += text
        if kept.endswith("\\"):
            kept = kept[:-1] or " "
            continue
        yield kept.strip(SPACE), Source(artifact.name, kept.strip(SPACE), begin)
        kept = ""
