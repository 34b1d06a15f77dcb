"""Sections of one HAProxy: its command line, its files in order, what ``.if`` leaves of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.proxies.haproxy import DEFAULT, NAME
from agent.proxies.haproxy.blocks import holds
from agent.proxies.haproxy.keywords import SECTIONS
from agent.proxies.haproxy.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

ENVIRONMENT: Final = "/etc/default/haproxy"
"""What systemd's unit of Debian puts into the environment."""
MAX_FILES: Final = 10_000
WITH_VALUE: Final = frozenset({"-f", "-p", "-L", "-n", "-N", "-m", "-C", "-x", "-S", "-cc"})
"""Options of the program that take the next word (management.txt, 3.)."""


@record
class Line:
    """One line; ``unknown`` names what nobody told us: variables in it, the condition that it stands under."""

    words: tuple[str, ...]
    source: Source
    unknown: tuple[str, ...] = ()

    def __getitem__(self, at: int) -> str:
        """Give a word; empty behind the last."""
        return self.words[at] if at < len(self.words) else ""


@record
class Section:
    """``frontend``, ``backend``... with its lines; ``inherits`` is the ``defaults`` that it begins with."""

    kind: str
    name: str
    lines: tuple[Line, ...]
    source: Source
    inherits: Section | None = None

    def own(self, *words: str) -> Iterator[Line]:
        """Its lines that begin with these words."""
        return (one for one in self.lines if one.words[: len(words)] == words)

    def all(self, *words: str) -> Iterator[Line]:
        """The same, after those that it inherits."""
        if self.inherits is not None:
            yield from self.inherits.all(*words)
        yield from self.own(*words)

    def last(self, *words: str) -> Line | None:
        """The last of them."""
        return next(reversed(list(self.all(*words))), None)

    def option(self, name: str) -> bool:
        """Whether an option is on: the last line about it says so (``no option x``, ``default option x``)."""
        inherited = self.inherits is not None and self.inherits.option(name)
        for line in self.lines:
            words = line.words[1:] if line[0] in ("no", "default") else line.words
            if words[:2] == ("option", name):
                inherited = line[0] not in ("no", "default")
        return inherited


@record
class Files:
    """All that was read of one program."""

    sections: tuple[Section, ...]
    environment: dict[str, str]
    gaps: tuple[Gap, ...]

    def proxies(self) -> Iterator[Section]:
        """The sections that take or pass on connections, as far as they are on."""
        return (one for one in self.sections if one.kind in ("frontend", "backend", "listen") and _is_on(one))


def _is_on(section: Section) -> bool:
    """Whether the last of ``enabled`` and ``disabled`` leaves it on."""
    found = [one for word in ("disabled", "enabled") if (one := section.last(word))]
    order = list(section.all())
    return not found or max(found, key=order.index)[0] == "enabled"


def named_files(arguments: Sequence[str]) -> tuple[str, ...]:
    """Files and folders of ``-f``, and all that stand behind ``--``, in order."""
    found: list[str] = []
    words = list(arguments[1:])
    while words:
        word = words.pop(0)
        if word == "--":
            return (*found, *words)
        if word in ("-sf", "-st"):
            while words and words[0].isdecimal():
                words.pop(0)
        elif word in WITH_VALUE and words:
            value = words.pop(0)
            if word == "-f":
                found.append(value)
    return tuple(found)


def load(arguments: Sequence[str], following: Following) -> Files:
    """Read all files that the command line names, in its order."""
    paths = named_files(arguments) or (DEFAULT,)
    own = {"HAPROXY_MWORKER": "1"} if any(word in ("-W", "-Ws") for word in arguments) else {}
    found = _Reader(following, own).read(paths)
    if found.gaps or any(line.unknown for section in found.sections for line in section.lines):
        told = following.file(ENVIRONMENT)
        found = _Reader(following, own | dict(_settings(told.text) if told else ())).read(paths)
    return found


class _Reader:
    def __init__(self, following: Following, environment: Mapping[str, str]) -> None:
        self._following = following
        self._gaps: list[Gap] = []
        self._environment: dict[str, str] = {"HAPROXY_STARTUP_VERSION": "2.6.12", **environment}
        self._begun: list[tuple[tuple[str, ...], Source, list[Line]]] = []
        self._blocks: list[str] = []
        """For each ``.if`` that is open: ``yes``, ``no``, ``maybe``, ``done`` (another branch was taken)."""

    def read(self, paths: Sequence[str]) -> Files:
        for path in paths:
            for artifact in self._files(path):
                self._file(artifact)
        return Files(tuple(self._sections()), self._environment, tuple(self._gaps))

    def _files(self, path: str) -> Iterator[Artifact]:
        """A file, or the files of a folder that end in ``.cfg`` (``cfgfiles_expand_directories``)."""
        named = Source(path, "")
        found = self._following.file_or_folder(path, named)
        for one in found[:MAX_FILES]:
            inside = one.name != self._following.artifact(path)
            if not inside or (one.name.endswith(".cfg") and not one.name.rpartition("/")[2].startswith(".")):
                yield one

    def _file(self, artifact: Artifact) -> None:
        for number, text in enumerate(artifact.text.split("\n"), 1):
            bare = text.strip()
            if not bare or bare.startswith("#"):
                continue
            source = Source(artifact.name, bare, number)
            section = self._begun[-1][0] if self._begun else ("",)
            here = {".FILE": artifact.name.removeprefix("files"), ".LINE": str(number), ".SECTION": section[-1]}
            try:
                found = words_of(bare, self._environment | here)
                if found.words:
                    self._line(Line(found.words, source, found.unknown))
            except Malformed as error:
                self._gaps.append(Gap(NAME, f"line {number}: {error}", source))
        if self._blocks:
            self._gaps.append(Gap(NAME, "an .if is not closed", Source(artifact.name, "", None)))
            self._blocks.clear()

    def _line(self, line: Line) -> None:
        if line[0].startswith("."):
            self._directive(line)
        elif any(state not in ("yes", "maybe") for state in self._blocks):
            return
        elif line[0] in SECTIONS:
            self._begun.append((line.words, line.source, []))
        elif self._begun:
            for name in line.unknown:
                self._gaps.append(Gap(NAME, f"line {line.source.line}: ${name} is not known", line.source))
            if "maybe" in self._blocks:
                line = replace(line, unknown=(*line.unknown, "the condition of .if"))
            self._begun[-1][2].append(line)
            if self._begun[-1][0][0] == "global":
                self._set(line)
        else:
            self._gaps.append(Gap(NAME, f"{line[0]} stands before any section", line.source))

    def _directive(self, line: Line) -> None:
        """``.if`` and its kin; ``.notice`` and the like say something, ``.alert`` refuses to start."""
        active = all(state in ("yes", "maybe") for state in self._blocks)
        match line[0]:
            case ".if":
                self._blocks.append(self._state(line) if active else "done")
            case ".elif" if self._blocks:
                self._blocks[-1] = {"no": self._state(line), "maybe": "maybe"}.get(self._blocks[-1], "done")
            case ".else" if self._blocks:
                self._blocks[-1] = {"no": "yes", "maybe": "maybe"}.get(self._blocks[-1], "done")
            case ".endif" if self._blocks:
                self._blocks.pop()
            case ".diag" | ".notice" | ".warning":
                pass
            case _ if active:
                raise Malformed(f"{line[0]} is not understood")

    def _state(self, line: Line) -> str:
        because = f"${line.unknown[0]} is not known" if line.unknown else ""
        try:
            if not because:
                return "yes" if holds(" ".join(line.words[1:]), self._environment) else "no"
        except Malformed as error:
            because = str(error)
        self._gaps.append(Gap(NAME, f"line {line.source.line}: {because}", line.source))
        return "maybe"

    def _set(self, line: Line) -> None:
        match line.words:
            case "setenv", name, value:
                self._environment[name] = value
            case "presetenv", name, value:
                self._environment.setdefault(name, value)
            case "unsetenv", *names:
                for name in names:
                    self._environment.pop(name, None)
            case "resetenv", *names:
                self._environment = {name: text for name, text in self._environment.items() if name in names}

    def _sections(self) -> Iterator[Section]:
        defaults: dict[str, Section] = {}
        latest: Section | None = None
        for words, source, lines in self._begun:
            name = words[1] if len(words) > 1 and words[1] != "from" else ""
            inherits = latest if words[0] in ("frontend", "backend", "listen") else None
            if "from" in words:
                parent = "".join(words[words.index("from") + 1 :][:1])
                inherits = defaults.get(parent)
                if inherits is None:
                    self._gaps.append(Gap(NAME, f"line {source.line}: there is no defaults {parent}", source))
            section = Section(words[0], name, tuple(lines), source, inherits)
            if section.kind == "defaults":
                latest = defaults[name] = section
            yield section


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """``NAME=value`` lines as systemd reads them."""
    for line in text.splitlines():
        if found := re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*?)\s*", line):
            yield found[1], found[2].strip("\"'")
