"""The directives of one nginx, from its command line and all files that they include."""

from __future__ import annotations

import re
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Gap, Source
from agent.proxies.nginx import DEFAULT, NAME
from agent.proxies.nginx.syntax import MAX_DEPTH, Directive, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.snapshot.following import Following

PREFIX: Final = "/usr/share/nginx"
MAX_FILES: Final = 10_000
MAX_ENTRIES: Final = 20_000
"""Entries of one map that become objects."""
NAMED: Final = frozenset({"$ssl_preread_server_name", "$ssl_server_name", "$host", "$http_host", "$server_name"})
"""Variables that are names: of maps of them only entries about the names of interest are kept."""
LISTED: Final = re.compile(r"\s*([A-Za-z0-9_.*-]+)[ \t]+[^\s;{}\"'$\\#]+;[ \t]*\r?(?:\n|$)")
"""An entry of a map as lists have them by the million."""
OTHERS: Final = ("worker process", "cache manager process", "cache loader process", "privileged agent process")


@record
class Start:
    """How a program was started: its file, and directives of the command line."""

    file: str
    prefix: str
    directives: str


def is_master(arguments: Sequence[str]) -> bool:
    """Whether this is no worker, cache manager or the like, whose arguments say nothing."""
    return not " ".join(arguments).removeprefix("nginx: ").startswith(OTHERS)


def started(arguments: Sequence[str]) -> Start:
    """What the command line of a master says. It writes its title over its words."""
    words = list(arguments[1:])
    title = " ".join(arguments)  # psutil makes words of it again
    if title.startswith("nginx: "):
        words = _retold(title.removeprefix("nginx: master process "))
    file, prefix, directives = DEFAULT, PREFIX, ""
    while words:
        word = words.pop(0)
        for flag in "cpg":
            if word.startswith(f"-{flag}"):
                value = word[2:] or (words.pop(0) if words else "")
                if flag == "c":
                    file = value
                elif flag == "p":
                    prefix = value
                else:
                    directives = value
                break
    return Start(file if file.startswith("/") else normpath(join(prefix, file)), prefix, directives)


def _retold(title: str) -> list[str]:
    """The words of a title: what follows ``-g`` has lost its quotes, and reaches to the next option."""
    found: list[str] = []
    for word in title.split()[1:]:
        if found and found[-1] != "-g" and not word.startswith("-") and "-g" in found and found[-1] not in ("-c", "-p"):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


class Configuration:
    """All directives, and what cannot be read."""

    def __init__(self, start: Start, following: Following, interest: Interest) -> None:
        self._following = following
        self._interest = interest
        self._folder = dirname(start.file)
        self._files = 0
        self.gaps: list[Gap] = []
        self.file = following.artifact(start.file)
        self.directives: tuple[Directive, ...] = (
            *self._text("processes.json", start.directives, (), 0),
            *self._include(start.file, None, (), 0),
        )

    def _include(self, path: str, named_by: Source | None, inside: tuple[str, ...], depth: int) -> Iterator[Directive]:
        self._files += 1
        if depth > MAX_DEPTH or self._files > MAX_FILES:
            if not any("too many" in gap.reason for gap in self.gaps):
                self.gaps.append(Gap(NAME, f"too many files include each other: {path}", named_by))
            return
        whole = path if path.startswith("/") else normpath(join(self._folder, path))
        magic = any(letter in whole for letter in "*?[")
        files = self._following.matching(whole, named_by) if magic else (self._following.file(whole, named_by),)
        for artifact in files:
            if artifact is not None:
                yield from self._text(artifact.name, artifact.text, inside, depth)

    def _text(self, artifact: str, text: str, inside: tuple[str, ...], depth: int) -> list[Directive]:
        tokens = Tokens(artifact, text)
        try:
            found, closed = self._block(tokens, text, inside, depth)
        except Malformed as error:
            self.gaps.append(Gap(NAME, f"line {error.line}: {error}", Source(artifact, "", error.line)))
            return []
        if closed:
            self.gaps.append(Gap(NAME, "unexpected }", tokens.source(tokens.at - 1)))
        return found

    def _block(self, tokens: Tokens, text: str, inside: tuple[str, ...], depth: int) -> tuple[list[Directive], bool]:
        """Read directives to the end of a block or of the text; True where a block was closed."""
        found: list[Directive] = []
        words: list[str] = []
        begin = 0
        while True:
            if not words and inside[:1] == ("map",) and inside[1:2] and inside[1] in NAMED:
                self._skip(tokens, text)
            word, at, is_sign = tokens.next()
            if not is_sign:
                begin = at if not words else begin
                words.append(word)
            elif word in ("", "}"):
                if words:
                    raise Malformed("a directive is not ended", line=tokens.source(begin).line)
                return found, word == "}"
            elif not words:
                raise Malformed(f"unexpected {word}", line=tokens.source(at).line)
            else:
                self._directive(tokens, text, words, begin, word == "{", inside, depth, found)
                words = []

    def _directive(  # noqa: PLR0913, PLR0917 - the state of the parser
        self,
        tokens: Tokens,
        text: str,
        words: list[str],
        begin: int,
        opens: bool,  # noqa: FBT001 - likewise
        inside: tuple[str, ...],
        depth: int,
        found: list[Directive],
    ) -> None:
        source = tokens.source(begin)
        name, *rest = words
        if opens:
            if depth > MAX_DEPTH:
                raise Malformed("blocks are nested too deeply", line=source.line)
            block, closed = self._block(tokens, text, tuple(words), depth + 1)
            if not closed:
                raise Malformed(f"the block of {name} is not closed", line=source.line)
            found.append(Directive(name, tuple(rest), source, tuple(block)))
        elif name == "include" and len(rest) == 1:
            found += self._include(rest[0], source, inside, depth + 1)
        elif inside[:1] in (("map",), ("geo",)) and len(found) >= MAX_ENTRIES:
            if len(found) == MAX_ENTRIES:
                self.gaps.append(Gap(NAME, f"more than {MAX_ENTRIES} entries to follow", source))
                found.append(Directive("", (), source))
        else:
            found.append(Directive(name, tuple(rest), source))

    def _skip(self, tokens: Tokens, text: str) -> None:
        """Go past entries about names that are of no interest."""
        while listed := LISTED.match(text, tokens.at):
            key = listed[1].lower()
            if (
                key in ("default", "include")
                or key.endswith("*")
                or self._interest.touches(key.lstrip("*.").rstrip("."))
            ):
                return
            tokens.at = listed.end()
