"""The syntax of iptables-save: tables, chains, rules as words. Knows nothing of what they mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from agent.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator


class Word(NamedTuple):
    """One word of a rule; quoted words are never options."""

    text: str
    quoted: bool = False

    @property
    def is_option(self) -> bool:
        """Whether the word begins an option."""
        return not self.quoted and self.text.startswith("-") and len(self.text) > 1 and not self.text[1].isdigit()

    @property
    def is_not(self) -> bool:
        """Whether the word negates what follows."""
        return self.text == "!" and not self.quoted


@dataclass(frozen=True, slots=True)
class Option:
    """One option with its arguments; ``negated`` in either place that iptables has known for ``!``."""

    name: str
    negated: bool
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One ``-A`` line: the chain, the options in order, the text without counters, and where it stands."""

    chain: str
    options: tuple[Option, ...]
    text: str
    number: int


@dataclass(slots=True)
class Section:
    """One table of a dump: chain names to policies (``-`` for user chains), and rules in order."""

    name: str
    line: int
    policies: dict[str, str] = field(default_factory=dict)
    rules: list[Line] = field(default_factory=list)
    committed: bool = False


def parse(text: str) -> Iterator[Section]:
    """Yield the tables of a dump; raises Malformed with the line that is none of iptables-save."""
    section: Section | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("*"):
            if section is not None:
                yield section
            section = Section(line[1:].strip(), number)
        elif section is None:
            raise Malformed(f"line {number}: a table (*filter) is expected, not {line[:40]!r}", line=number)
        elif line == "COMMIT":
            section.committed = True
            yield section
            section = None
        elif line.startswith(":"):
            name, _, rest = line[1:].partition(" ")
            section.policies[name] = rest.split(" ")[0] or "-"
        elif line.startswith(("-A", "[")):
            section.rules.append(_rule(line, number))
        else:
            raise Malformed(f"line {number}: {line[:40]!r} is not understood", line=number)
    if section is not None:
        yield section


def _rule(line: str, number: int) -> Line:
    text = line
    if text.startswith("["):  # counters in front, iptables-save -c
        _, bracket, text = text.partition("] ")
        if not bracket:
            raise Malformed(f"line {number}: {line[:40]!r} is not understood", line=number)
    listed = words(text, number)
    if len(listed) < 2 or listed[0].text not in ("-A", "--append"):
        raise Malformed(f"line {number}: {line[:40]!r} is not understood", line=number)
    return Line(listed[1].text, tuple(_options(listed[2:], number)), text, number)


def words(text: str, number: int) -> list[Word]:
    """Split at blanks; double quotes hold a word together, a backslash keeps the next character."""
    if '"' not in text and "\\" not in text and "'" not in text:
        return [Word(part) for part in text.split()]
    out: list[Word] = []
    at, size = 0, len(text)
    while at < size:
        if text[at].isspace():
            at += 1
            continue
        letters: list[str] = []
        quote = ""
        quoted = False
        while at < size and (quote or not text[at].isspace()):
            letter = text[at]
            if quote and letter == quote:
                quote = ""
            elif not quote and letter in "\"'":
                quote, quoted = letter, True
            elif letter == "\\" and at + 1 < size and quote != "'":
                at += 1
                letters.append(text[at])
            else:
                letters.append(letter)
            at += 1
        if quote:
            raise Malformed(f"line {number}: a quote is not closed", line=number)
        out.append(Word("".join(letters), quoted))
    return out


def _options(listed: list[Word], number: int) -> Iterator[Option]:
    at = 0
    negated = False
    while at < len(listed):
        word = listed[at]
        at += 1
        if word.is_not:
            negated = True
            continue
        if not word.is_option:
            raise Malformed(f"line {number}: {word.text!r} stands where an option is expected", line=number)
        args: list[str] = []
        while at < len(listed) and not listed[at].is_option:
            if listed[at].is_not:
                if args or at + 1 >= len(listed) or listed[at + 1].is_option:
                    break  # it belongs to the next option
                negated = True  # the old place: --dport ! 80
            else:
                args.append(listed[at].text)
            at += 1
        yield Option(word.text, negated, tuple(args))
        negated = False
