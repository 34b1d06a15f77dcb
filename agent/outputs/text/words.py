"""How the text output calls things: verdicts, zones, places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agent.model.source import Gap, Source
from agent.model.vocabulary import Reach, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.model.report import GapOut, SourceOut

VERDICTS: Final = {
    Reach.ALLOWED: ("allowed", "green"),
    Reach.PARTIAL: ("partly blocked", "yellow"),
    Reach.BLOCKED: ("blocked", "red"),
    Reach.UNKNOWN: ("unknown", "magenta"),
    Reach.NOT_ROUTED: ("not routed", "dim"),
}
"""Word and style."""
SEVERITIES: Final = {
    Severity.INFO: "dim",
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "red",
    Severity.CRITICAL: "bold red",
}
LONGEST_RULE: Final = 240
"""A rule with an inline set can be megabytes; the JSON output has it whole."""
MAX_RULES: Final = 5
CUT: Final = "…"
SURE: Final = 12
"""Characters that must agree before the end of a cut-off sentence is said in other words."""
UNREAD: Final = "could not be read"
NFT: Final = "nft.json"


def model_source(source: SourceOut) -> Source:
    """The model's own source, which knows how sentences print it."""
    return Source(source.artifact, source.text, source.line, source.table, source.chain, source.handle)


def place(source: SourceOut | Source) -> str:
    """Where an administrator looks: ``inet filter forward handle 42``, ``/etc/hosts line 3``.

    A chain's policy has neither handle nor line; its text is its place.
    """
    if source.table is None:
        where = (source if isinstance(source, Source) else model_source(source)).file
    else:
        # iptables' own name for the program says the family, and its tables have none in theirs
        tool, _, _ = source.artifact.partition(".")
        name = source.table.rpartition(" ")[2]
        table = source.table if source.artifact == NFT else tool if name == tool else f"{tool} {name}"
        where = f"{table} {source.chain}" if source.chain else table
    if source.handle is not None:
        return f"{where} handle {source.handle}"
    if source.line is not None:
        return f"{where} line {source.line}"
    return f"{where} {source.text}" if source.text.startswith("policy ") else where


def rule(source: SourceOut | Source) -> str:
    """The place, and the text that stands there."""
    where = place(source)
    return where if not source.text or where.endswith(source.text) else f"{where}: {source.text}"


def without_rules(because: str, sources: Iterable[Source]) -> str:
    """A sentence without the rules that are shown beside it."""
    for source in sources:
        for phrase in (f", by {source}", f" by {source}", f": {source}"):
            because = _replaced(because, phrase, "")
    return because


def _replaced(sentence: str, phrase: str, instead: str) -> str:
    """The sentence with another phrase; a summary that was cut off may end within the old one."""
    sentence = sentence.replace(phrase, instead)
    if sentence.endswith(CUT):
        least = SURE if instead else 2
        for at in range(max(0, len(sentence) - 1 - len(phrase)), len(sentence) - least):
            if phrase.startswith(sentence[at:-1]):
                return sentence[:at] + instead
    return sentence


def without_gaps(sentence: str, gaps: Iterable[GapOut]) -> str:
    """A sentence that points to the sources that could not be read, told below it, in place of repeating them."""
    for gap in gaps:
        if gap.source is None or not gap.source.text:
            told = str(Gap(gap.subject, gap.reason, remedy=gap.remedy))
            sentence = _replaced(sentence, told, f"{gap.subject} {UNREAD}")
    return re.sub(rf" {UNREAD}(?:; (\S+) {UNREAD})+", lambda one: _joined(one[0]), sentence)


def _joined(run: str) -> str:
    names = [part.removesuffix(UNREAD).strip() for part in run.removeprefix(f" {UNREAD}; ").split("; ")]
    return f"{', '.join(['', *names[:-1]])} and {names[-1]} {UNREAD}"


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1]))) if items else ""


def count(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
