"""All that one named was told: its arguments, its configuration with the files that it includes (``named/main.c``)."""

from __future__ import annotations

import re
from posixpath import normpath
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.names import Interest
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.resolvers.bind.statements import Block, Statement, statements
from agent.resolvers.unbound.words import zone_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.snapshot import Artifact
    from agent.snapshot.following import Following

DEFAULT: Final = "/etc/bind/named.conf"
WITH_VALUE: Final = "AcdDELmMnNpStTuUxX"
"""Letters of the command line that take a value (``NAMED_MAIN_ARGS``)."""
MAX_FILES: Final = 10_000
MAX_DEPTH: Final = 100
"""Files that include each other; a file that includes itself has named read on for ever."""
KEYS: Final = ".key"
"""Files of keys, which are nobody's business: ``rndc-confgen`` and ``tsig-keygen`` write them, for ``include``."""
MAPS: Final = frozenset({"options", "view", "zone"})
"""Blocks in which other files may be included."""
JOURNALED: Final = re.compile(r"\b(?:slave|secondary|mirror|allow-update|update-policy)\b", re.IGNORECASE)
"""Zones whose changes named writes to a file of their own."""
_FILE: Final = re.compile(r'\bfile\s+"?([^";\s]+)"?')


@record
class Configuration:
    """What was read, and what of it was not understood."""

    block: Block
    root: str
    """The folder that named sees as ``/``."""
    directory: str
    has_directory: bool
    """Whether that is said; else it is where named was started."""
    port: int
    files: tuple[str, ...]
    """Paths of all zones' files, of those as well that are of no interest."""
    source: Source
    gaps: tuple[Gap, ...]

    @property
    def options(self) -> Block:
        """Give the options."""
        return next((one.block for one in self.block.all("options")), Block())

    def path(self, text: str) -> str:
        """Give the path of a file as this host sees it."""
        return _path(text, self.directory, self.root)


def configuration(arguments: Sequence[str], following: Following, interest: Interest) -> Configuration:
    """Read the whole configuration, without zones that have nothing to do with the names of interest."""
    given = dict(_options(arguments))
    reader = _Reader(given.get("t", "").rstrip("/"), following, interest)
    found = reader.whole(given.get("c", DEFAULT))
    if reader.policies - set(_zones(found)):  # they may stand before what names them
        reader = _Reader(reader.root, following, Interest(interest.names | reader.policies if interest.names else ()))
        found = reader.whole(given.get("c", DEFAULT))
    port = given.get("p", "").rpartition("=")[2]
    path = reader.root + given.get("c", DEFAULT)
    return Configuration(
        found,
        reader.root,
        reader.directory,
        reader.has_directory,
        int(port) if port.isdecimal() else 0,
        tuple(sorted(reader.files)),
        Source(following.artifact(path), ""),
        tuple(reader.gaps),
    )


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Letters and their values, as getopt(3) finds them."""
    rest = iter(arguments[1:])
    for word in rest:
        if not word.startswith("-") or word == "-":
            continue
        for at, letter in enumerate(word[1:], 2):
            if letter in WITH_VALUE:
                yield letter, word[at:] or next(rest, "")
                break
            yield letter, ""


def _zones(block: Block) -> Iterator[str]:
    """The names of all zones that were read."""
    for place in (block, *(one.block for one in block.all("view"))):
        for one in place.all("zone"):
            yield zone_name(one.value())


def _path(text: str, directory: str, root: str) -> str:
    inside = text if text.startswith("/") else f"{directory}/{text}"
    return root + normpath("/" + inside.lstrip("/"))


class _Reader:
    def __init__(self, root: str, following: Following, interest: Interest) -> None:
        self.root = root
        self.directory = "/"  # where services start
        self.has_directory = False
        self.files: set[str] = set()
        self._noted: set[str] = set()
        self.gaps: list[Gap] = []
        self.policies: set[str] = set()
        """Zones that are wanted whatever their names."""
        self._open: list[str] = []
        self._following = following
        self._interest = interest
        self._read = 0

    def whole(self, path: str) -> Block:
        return Block(tuple(self._expanded(self._included(path, None, 0), 0)))

    def _expanded(self, found: Iterator[Statement], depth: int) -> Iterator[Statement]:
        """Statements with those of other files in place of ``include``."""
        for one in found:
            if one.name == "include":
                yield from self._expanded(self._included(one.value(), one.source, depth), depth + 1)
                continue
            if one.name == "directory":  # named goes there at once
                self.directory = _path(one.value(), self.directory, "")
                self.has_directory = True
            elif one.name == "zone" and one.block.text("type").lower() != "hint":
                words = " ".join(f"{each.name} {each.value()}" for each in one.block.statements)
                self._note(words, one.block.text("file"))
            for policy in one.block.all("response-policy"):
                self.policies.update(zone_name(zone.value()) for zone in policy.block.all("zone"))
            if one.name in MAPS and one.block.statements:
                inside = Block(tuple(self._expanded(iter(one.block.statements), depth)))
                yield Statement(tuple(inside if isinstance(part, Block) else part for part in one.parts), one.source)
            else:
                yield one

    def _included(self, path: str, named_by: Source | None, depth: int) -> Iterator[Statement]:
        if depth > MAX_DEPTH or self._read > MAX_FILES:
            self._gap(f"too many files include each other: {path}", named_by)
            return
        where = _path(path, self.directory, self.root)
        if named_by and any(letter in path for letter in "*?["):
            hidden = path.rpartition("/")[2].startswith(".")
            found_all = self._following.matching(where, named_by)[::-1]  # each is put in front of those before
            files = tuple(one for one in found_all if hidden or not one.name.rpartition("/")[2].startswith("."))
        elif named_by and path.endswith(KEYS):
            return
        else:
            found = self._following.file(where, named_by or Source(self._following.artifact(where), ""))
            files = (found,) if found else ()
        for artifact in files:
            self._read += 1
            if artifact.name in self._open:
                self._gap(f"{where} includes itself", named_by)
                continue
            self._open.append(artifact.name)
            yield from self._statements(artifact)
            self._open.pop()

    def _statements(self, artifact: Artifact) -> Iterator[Statement]:
        try:
            yield from statements(artifact, self._skips)
        except Malformed as error:
            self._gap(f"line {error.line}: {error}", Source(artifact.name, "", error.line))

    def _skips(self, name: str, text: str) -> bool:
        bare = name.rstrip(".").lower()
        if self._interest.touches(bare) or bare in self.policies:
            return False
        found = _FILE.search(text)
        if found and found[1] not in self._noted:
            self._note(text, found[1])
        return True

    def _note(self, text: str, file: str) -> None:
        if file and len(self.files) < MAX_FILES:
            self._noted.add(file)
            path = _path(file, self.directory, self.root)
            self.files.add(path)
            if JOURNALED.search(text):
                self.files.add(path + ".jnl")

    def _gap(self, reason: str, source: Source | None) -> None:
        if all(one.reason != reason for one in self.gaps):
            self.gaps.append(Gap("named", reason, source))
