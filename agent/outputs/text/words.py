"""How the text output calls things: verdicts, zones, places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.source import Source
from agent.model.vocabulary import Reach, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.model.report import SourceOut

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
NFT: Final = "nft.json"
HOST, FORWARDED = "host", "forwarded"


def zone_phrase(zone: str) -> str:
    """``from lan0``, ``from this host``, or ``for forwarded traffic`` where only dumps are known."""
    return {HOST: "from this host", FORWARDED: "for forwarded traffic"}.get(zone, f"from {zone}")


def model_source(source: SourceOut) -> Source:
    """The model's own source, which knows how sentences print it."""
    return Source(source.artifact, source.text, source.line, source.table, source.chain, source.handle)


def place(source: SourceOut | Source) -> str:
    """Where an administrator looks: ``inet filter forward handle 42``, ``/etc/hosts line 3``.

    A chain's policy has neither handle nor line; its text is its place.
    """
    if source.table is None:
        where = source.artifact.removeprefix("files") if source.artifact.startswith("files/") else source.artifact
    else:
        tool = [] if source.artifact == NFT else [source.artifact.partition(".")[0]]
        where = " ".join([*tool, source.table, *([source.chain] if source.chain else [])])
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
            because = because.replace(phrase, "")
    return because


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1]))) if items else ""


def count(number: int, noun: str) -> str:
    """``1 finding``, ``2 findings``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
