"""Options of dnsmasq, as its files and its command line write them (``read_file`` and ``read_opts`` in option.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.errors import Malformed
from agent.model.record import record
from agent.model.source import Source
from agent.resolvers.dnsmasq.options import HARMLESS, MODELLED, OPEN, SHORT, VALUELESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.names import Interest
    from agent.snapshot import Artifact

KNOWN: Final = HARMLESS | MODELLED | OPEN.keys()
HIDDEN: Final = {letter: chr(0xE000 + at) for at, letter in enumerate(",.:;#/ ")}
"""Inside quotes these part nothing, and ``host-record`` does not take such words for addresses (``hide_meta``)."""
SHOWN: Final = str.maketrans({there: here for here, there in HIDDEN.items()})
ESCAPED: Final = {"t": "\t", "n": "\n", "b": "\b", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}

_LISTED: Final = re.compile(r"(?:address|server|local)=/([A-Za-z0-9_-][\w.-]*)/[^\"/]*$")
"""A line about one domain, as block lists have them by the million."""


@record
class Option:
    """One option; ``value`` is None where there is no ``=``, with what quotes hide still hidden."""

    name: str
    value: str | None
    source: Source


def plain(text: str) -> str:
    """Text with what quotes hid."""
    return text.translate(SHOWN)


def in_file(artifact: Artifact, interest: Interest) -> Iterator[Option]:
    """The options of a file but for lists of other names; raises Malformed where dnsmasq would refuse it."""
    for number, line in enumerate(artifact.text.split("\n"), 1):
        listed = _LISTED.match(line)
        if listed and not interest.touches(listed[1].lower()):
            continue
        text = _bare(line, number)
        if text:
            name, equals, value = text.partition("=")
            yield Option(
                name.rstrip(" ="), value.lstrip(" ") if equals else None, Source(artifact.name, line.strip(), number)
            )


def on_command_line(arguments: Sequence[str], artifact: str) -> Iterator[Option]:
    """The options after the program's name, in the ways of getopt_long."""
    words = list(arguments[1:])
    while words:
        word = words.pop(0)
        if word.startswith("--") and len(word) > 2:
            text, equals, value = word[2:].partition("=")
            name = _whole(text)
            if not equals and name not in VALUELESS and words and not words[0].startswith("-"):
                yield Option(name, words[0], Source(artifact, f"{word} {words.pop(0)}"))
            else:
                yield Option(name, value if equals else None, Source(artifact, word))
        elif word.startswith("-") and word != "-":
            yield from _letters(word, words, artifact)


def _letters(word: str, words: list[str], artifact: str) -> Iterator[Option]:
    """``-kq``, ``-Hfile``, ``-H file``."""
    for at, letter in enumerate(word[1:], 2):
        name = SHORT.get(letter, letter)
        if name in VALUELESS or name not in KNOWN:
            yield Option(name, None, Source(artifact, f"-{letter}"))
            continue
        rest = word[at:] or (words.pop(0) if words else "")
        yield Option(name, rest, Source(artifact, f"-{letter} {rest}"))
        return


def _whole(text: str) -> str:
    """The name that a beginning stands for, where only one begins so."""
    found = [text] if text in KNOWN else [name for name in KNOWN if name.startswith(text)]
    return found[0] if len(found) == 1 else text


def _bare(line: str, number: int) -> str:
    """A line without comment and quotes."""
    kept: list[str] = []
    white = True
    at = 0
    while at < len(line):
        letter = line[at]
        if letter == '"':
            at = _quoted(line, at + 1, number, kept)
            if at < len(line):
                letter = line[at]
            else:
                break
        if letter.isspace():
            kept.append(" ")
            white = True
        elif white and letter == "#":
            break
        else:
            kept.append(letter)
            white = False
        at += 1
    return "".join(kept).strip(" ")


def _quoted(line: str, at: int, number: int, kept: list[str]) -> int:
    """Take what stands in quotes; the place after them."""
    while at < len(line) and line[at] != '"':
        if line[at] == "\\" and line[at + 1 : at + 2] in ESCAPED:
            at += 1
            kept.append(ESCAPED[line[at]])
        else:
            kept.append(HIDDEN.get(line[at], line[at]))
        at += 1
    if at == len(line):
        raise Malformed('missing "', line=number)
    return at + 1
