"""systemd's files of settings, and the snippets that go with them (``conf_parse_many``).

Snippets are read after the file, by name, whatever folder they are in; of two with one name, that of the folder that
comes first. An empty value takes back what was said before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.model.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

FOLDERS: Final = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
TRUE: Final = frozenset({"1", "yes", "y", "true", "t", "on"})
FALSE: Final = frozenset({"0", "no", "n", "false", "f", "off"})


@record
class Setting:
    """One assignment."""

    section: str
    key: str
    value: str
    source: Source


class Settings:
    """Assignments of one section, in order."""

    def __init__(self, assigned: Iterator[Setting], section: str) -> None:
        self._assigned = tuple(one for one in assigned if one.section == section)

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._assigned)

    def words(self, key: str) -> tuple[tuple[str, Source], ...]:
        """All words of a list."""
        found: list[tuple[str, Source]] = []
        for one in self._assigned:
            if one.key == key:
                found = [*found, *((word, one.source) for word in one.value.split())] if one.value else []
        return tuple(found)

    def is_set(self, key: str) -> bool:
        """Whether something is said of a setting, be it nothing."""
        return any(one.key == key for one in self._assigned)

    def text(self, key: str, otherwise: str) -> str:
        """The last value."""
        return next((one.value.lower() for one in reversed(self._assigned) if one.key == key and one.value), otherwise)

    def yes(self, key: str, *, otherwise: bool) -> bool:
        """The last value that is yes or no."""
        for one in reversed(self._assigned):
            if one.key == key and one.value.lower() in TRUE | FALSE:
                return one.value.lower() in TRUE
        return otherwise


def read(path: str, following: Following, section: str) -> Settings:
    """The settings of ``resolved.conf`` or ``network/x.network`` below systemd's folders, with their snippets."""
    main = next((file for folder in FOLDERS if (file := following.file(f"{folder}/{path}"))), None)
    snippets: dict[str, Artifact] = {}
    for folder in reversed(FOLDERS):
        for file in following.matching(f"{folder}/{path}.d/*.conf"):
            snippets[file.name.rpartition("/")[2]] = file
    files = [*((main,) if main else ()), *(snippets[name] for name in sorted(snippets))]
    return Settings((one for file in files for one in assignments(file)), section)


def assignments(artifact: Artifact) -> Iterator[Setting]:
    """The assignments of a file; a backslash at the end of a line leads to the next."""
    section = text = ""
    begin = 0
    for number, line in enumerate(artifact.text.split("\n"), 1):
        bare = line.strip()
        if bare.startswith(("#", ";")) or (not text and not bare):
            continue
        begin = begin if text else number
        if bare.endswith("\\"):
            text += bare[:-1] + " "
            continue
        text += bare
        if text.startswith("[") and text.endswith("]"):
            section = text[1:-1]
        else:
            key, equals, value = text.partition("=")
            if equals:
                yield Setting(section, key.strip(), value.strip(), Source(artifact.name, text, begin))
        text = ""
