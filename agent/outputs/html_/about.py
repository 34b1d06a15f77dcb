"""What was not read, what was asked for, and of which host."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agent.outputs.html_.markup import Html, fold, items, moment, table, tag
from agent.outputs.text.findings import unread
from agent.outputs.text.layout import shorten
from agent.outputs.text.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.report import Report

MANY: Final = 20
"""Gaps from which on they are folded away."""
LONGEST: Final = 1000


def gaps(report: Report) -> Iterator[Html]:
    """What could not be read or understood, and what would help."""
    told = unread(report)
    if not told:
        yield tag("p", "All that was asked for could be read and understood.")
        return
    yield tag("p", "What depends on these is unknown.")
    lines = [
        tag("tr", tag("th", subject, scope="row"), tag("td", shorten(reason, LONGEST)), tag("td", remedy))
        for subject, reason, remedy in told
    ]
    whole = table("Not read, or not understood", ("What", "Why", "What would help"), tag("tbody", *lines))
    yield fold(count(len(told), "gap"), whole) if len(told) > MANY else whole


def policy(report: Report) -> Iterator[Html]:
    """The packs that were audited."""
    if not report.policy:
        yield tag("p", "No pack.")
    for pack in report.policy:
        yield tag("h3", pack.title)
        yield tag("p", f"Pack {pack.name}, checked {pack.checked}", class_="soft small")
        yield items((tag("code", domain) for domain in pack.domains), "names")


def host(report: Report) -> Html:
    """Which machine, when, and how much of it was read."""
    statuses = Counter(report.scan.artifacts.values())
    answered = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
    parts = {
        "Name": report.host.name or "bare dumps",
        "System": report.host.os,
        "Id": report.host.id,
        "Audited": moment(report.scan.at),
        "gateproof": report.host.agent_version,
        "Answers of the host": answered,
    }
    return tag("dl", *(one for name, value in parts.items() if value for one in (tag("dt", name), tag("dd", value))))
