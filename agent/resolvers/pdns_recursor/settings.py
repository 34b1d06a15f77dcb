"""All settings of one PowerDNS Recursor: its file, those of ``include-dir``, its command line (``arguments.cc``)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agent.model.intervals import prefix_interval
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.resolvers.pdns_recursor.options import DEFAULTS, HARMLESS, MODELLED, OFF, OPEN, OTHER_VERSIONS
from agent.snapshot.programs import ARTIFACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

KIND: Final = "pdns_recursor"
FOLDER: Final = "/etc/powerdns"
KNOWN: Final = MODELLED | HARMLESS | OTHER_VERSIONS | OPEN.keys()
_WORDS: Final = re.compile(r"[^ ,\t\r\n]+")


@record
class Setting:
    """The value of one setting, and where it was given last."""

    value: str
    source: Source | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What commas and spaces part."""
        return tuple(_WORDS.findall(self.value))


@record
class Settings:
    """What is set; what is not has its default."""

    given: dict[str, Setting]
    gaps: tuple[Gap, ...]
    source: Source | None

    def get(self, name: str) -> Setting:
        """Give a setting, or its default."""
        return self.given.get(name) or Setting(DEFAULTS.get(name, ""))

    @property
    def translation(self) -> int | None:
        """The prefix of DNS64, as the address that it is with an IPv4 address of zeros."""
        try:
            family, (low, _) = prefix_interval(self.get("dns64-prefix").value)
        except ValueError:
            return None
        return low if family == 6 else None

    def has(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.get(name).value not in OFF


def endpoint(text: str) -> tuple[str, str]:
    """``1.1.1.1:53`` and ``[::1]:53`` to host and port, which may be empty."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return host, port
    return text, ""


def settings(arguments: Sequence[str], following: Following) -> Settings:
    """Follow all files from a command line; what cannot be followed is a gap."""
    reader = _Reader()
    started = _Reader()
    started.lines(_on_command_line(arguments))
    folder = started.value("config-dir") or FOLDER
    name = started.value("config-name")
    stem = f"{folder.rstrip('/')}/recursor{f'-{name}' if name else ''}"
    main = following.file(f"{stem}.conf")
    newer = following.file(f"{stem}.yml")
    if main is not None:
        reader.lines(_in_file(main))
    if newer is not None:
        where = Source(newer.name, "")
        reader.gaps.append(Gap(KIND, "settings in YAML, which version 5 prefers, are not followed", where))
    included = reader.given.get("include-dir") or started.given.get("include-dir")
    if included and included.value and included.source:
        for artifact in _included(following, included.value, included.source):
            reader.lines(_in_file(artifact))
    reader.lines(_on_command_line(arguments))
    source = Source(main.name, "") if main else None
    return Settings(reader.given, (*started.gaps, *reader.gaps, *reader.open()), source)


def _included(following: Following, folder: str, source: Source) -> Iterator[Artifact]:
    """The files of ``include-dir`` in their order, that of small letters."""
    found = following.matching(f"{folder.rstrip('/')}/*.conf", source)
    names = {one.name: one.name.rpartition("/")[2] for one in found}
    return iter(sorted((one for one in found if names[one.name][0] != "."), key=lambda one: names[one.name].lower()))


def _on_command_line(arguments: Sequence[str]) -> Iterator[tuple[str, Source]]:
    return ((one, Source(ARTIFACT, one)) for one in arguments[1:] if one.startswith("-") and len(one) > 1)


def _in_file(artifact: Artifact) -> Iterator[tuple[str, Source]]:
    """Whole lines without comments; a backslash at the end goes on in the next one."""
    whole = ""
    for number, line in enumerate(artifact.text.split("\n"), 1):
        bare = line.rstrip()
        if bare.endswith("\\"):
            whole += bare[:-1]
            continue
        text = _uncommented(whole + bare).strip()
        whole = ""
        if text:
            yield f"--{text}", Source(artifact.name, line.strip(), number)


def _uncommented(line: str) -> str:
    """A line without its comment: the first ``#`` begins one where a space or nothing stands before it, no other."""
    at = line.find("#")
    return line[:at] if at == 0 or (at > 0 and line[at - 1].isspace()) else line


class _Reader:
    def __init__(self) -> None:
        self.given: dict[str, Setting] = {}
        self.gaps: list[Gap] = []
        self._unknown: dict[str, Source] = {}

    def value(self, name: str) -> str:
        return self.given[name].value if name in self.given else ""

    def lines(self, lines: Iterable[tuple[str, Source]]) -> None:
        for text, source in lines:
            name, added, value = text.removeprefix("--").partition("+=")
            if not added:
                name, _, value = text.removeprefix("--").partition("=")
            self._set(name.strip(" -"), value.lstrip(" \t"), source, added=bool(added))

    def _set(self, name: str, value: str, source: Source, *, added: bool) -> None:
        if name not in KNOWN:
            self._unknown[name] = source
            return
        before = self.given.get(name) or Setting(DEFAULTS.get(name, ""))
        if added and before.value:
            self.given[name] = replace(before, value=f"{before.value}, {value}", source=source)
        elif added:
            self.gaps.append(Gap(KIND, f"{name} is added to, but has no value before", source))
        else:
            self.given[name] = Setting(value, source)

    def open(self) -> Iterator[Gap]:
        """What is not followed."""
        ignored = self.given.get("ignore-unknown-settings", Setting("")).words
        for name, source in self._unknown.items():
            if name not in ignored:
                yield Gap(KIND, f"unknown setting {name}", source)
        for name, reason in OPEN.items():
            if self.value(name) and self.value(name) not in OFF:
                yield Gap(KIND, f"{name}: {reason}", self.given[name].source)
