"""The syntax of iptables-save and ``iptables -S``: tables, chains, rules as words. Knows nothing of meaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TEXT_OPTIONS: Final = frozenset({
    "--comment", "--log-prefix", "--nflog-prefix", "--ulog-prefix", "--string", "--hex-string",
})  # fmt: skip
"""Options whose argument may look like anything: iptables-save prints a comment ``-j`` without quotes."""


FAMILIES: Final = frozenset({"-4", "-6"})
DIGITS: Final = frozenset({"", *"0123456789"})
"""What follows the sign of a negative number, or of a single dash."""


class Quoted(str):
    """A word that stood in quotes, and so is neither an option nor ``!``."""

    __slots__ = ()


class Option(NamedTuple):
    """One option with its arguments; ``negated`` by a ``!`` before it, or in the old place after it."""

    name: str
    negated: bool
    args: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([*(["!"] if self.negated else []), self.name, *self.args])


class Line(NamedTuple):
    """One rule: what follows the chain's name, the whole without counters, and where it stands."""

    rest: str
    text: str
    number: int

    @property
    def plain(self) -> bool:
        """Whether blanks alone part its words."""
        return '"' not in self.rest


@dataclass(slots=True)
class Section:
    """One table of a dump: chain names to policies (``-`` for user chains), and to rules in order."""

    name: str
    line: int
    policies: dict[str, str] = field(default_factory=dict)
    rules: dict[str, list[Line]] = field(default_factory=dict)
    last: int = 0
    """The last line that was read."""
    committed: bool = False


def parse(text: str) -> Iterator[Section]:
    """Yield the tables of a dump; raises Malformed with the line that is none of iptables-save.

    A last line that was cut in its middle is left out: its table is not committed.
    """
    section: Section | None = None
    lines = text.split("\n")
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line[0] == "#":
            continue
        if line[0] == "*":
            if section is not None:
                yield section
            section = Section(line[1:].strip(), number)
        elif section is None:
            if line[:3] not in ("-P ", "-N "):
                raise Malformed(f"line {number}: a table (*filter) is expected, not {line[:40]!r}", line=number)
            section = Section("filter", number, committed=True)  # iptables -S lists one table, without its name
            _line(section, line, number)
        elif line == "COMMIT":
            section.committed = True
            yield section
            section = None
        else:
            try:
                _line(section, line, number)
            except Malformed:
                if number < len(lines) or section.committed:
                    raise
        if section is not None:
            section.last = number
    if section is not None:
        yield section


def _line(section: Section, line: str, number: int) -> None:
    """Read a line within a table."""
    if line[0] in "-[":
        _command(section, line, number)
    elif line[0] == ":":
        name, _, rest = line[1:].partition(" ")
        section.policies[name] = rest.split(" ", 1)[0] or "-"
    else:
        raise Malformed(f"line {number}: {line[:40]!r} is not understood", line=number)


def _command(section: Section, line: str, number: int) -> None:
    if line[:3] == "-A " and '"' not in line and len(parts := line.split(" ", 2)) == 3 and parts[1]:  # by far the most
        section.rules.setdefault(parts[1], []).append(Line(parts[2], line, number))
        return
    text = line
    if text[0] == "[":  # counters in front, iptables-save -c
        _, _, text = text.partition("] ")
    command, _, rest = text.partition(" ")
    chain, _, rest = rest.lstrip().partition(" ")
    if command in ("-A", "--append") and chain:
        section.rules.setdefault(chain, []).append(_rule(rest, text, number))
    elif command in ("-I", "--insert") and chain:
        first, _, after = rest.partition(" ")
        at = max(int(first) - 1, 0) if first.isdecimal() else 0
        section.rules.setdefault(chain, []).insert(at, _rule(after if first.isdecimal() else rest, text, number))
    elif command in ("-P", "--policy") and chain and rest:
        section.policies[chain] = rest.split()[0]
    elif command in ("-N", "--new-chain") and chain:
        section.policies[chain] = "-"
    else:
        raise Malformed(f"line {number}: {line[:40]!r} is not understood", line=number)


def _rule(rest: str, text: str, number: int) -> Line:
    line = Line(rest, text, number)
    if not line.plain:
        words(line)
    return line


def words(line: Line) -> list[str]:
    """Split a rule as iptables-restore does: double quotes hold a word together, backslashes escape in them.

    Raises Malformed where a quote is not closed.
    """
    if line.plain:
        return line.rest.split()
    out: list[str] = []
    letters: list[str] = []
    quoted = escaped = False
    for letter in line.rest:
        if quoted:
            if escaped or letter not in '\\"':
                letters.append(letter)
                escaped = False
            elif letter == "\\":
                escaped = True
            else:
                quoted = False
                out.append(Quoted("".join(letters)))
                letters = []
        elif letter == '"':
            quoted = True
        elif not letter.isspace():
            letters.append(letter)
        elif letters:
            out.append("".join(letters))
            letters = []
    if quoted:
        raise Malformed(f"line {line.number}: a quote is not closed", line=line.number)
    if letters:
        out.append("".join(letters))
    return out


def options(split: Sequence[str]) -> list[Option]:
    """The options of a rule with their arguments; raises ValueError where a word belongs to none."""
    found: list[Option] = []
    name = ""
    args: list[str] = []
    negated = turned = text = False
    for word in split:
        if text and (turned or word != "!" or type(word) is Quoted):
            args.append(word)
            negated, turned, text = negated or turned, False, False
        elif word[:1] == "-" and (word[1:2] not in DIGITS or word in FAMILIES) and type(word) is str:
            if name:
                found.append(Option(name, negated, tuple(args)))
                args = []
            name, negated, turned = word, turned, False
            text = word in TEXT_OPTIONS
        elif word == "!" and type(word) is str:
            turned = True
        elif not name or (turned and args):
            raise ValueError(f"{word!r} stands where an option is expected")
        else:
            if turned:  # the old place: --dport ! 80
                negated, turned = True, False
            args.append(word)
    if name:
        found.append(Option(name, negated, tuple(args)))
    return found
