"""Text, for the person who has to act: first the answer, then what stops it, then what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Reach, from_zone
from agent.outputs.text.findings import findings, gaps
from agent.outputs.text.layout import BLANK, clean, finish, prose, shorten, width_of
from agent.outputs.text.overview import answer, notes, rows_of
from agent.outputs.text.table import table
from agent.outputs.text.words import LONGEST_RULE, MAX_RULES, VERDICTS, rule, without_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.explanation import Explanation, Hop
    from agent.model.report import Report
    from agent.outputs import Screen
    from agent.outputs.text.layout import Line


def render(report: Report, screen: Screen | None = None) -> bytes:
    """The report, UTF-8; laid out for the screen where there is one."""
    return finish(_report(report, width_of(screen)), screen)


def explain(roads: Sequence[Explanation], screen: Screen | None = None) -> bytes:
    """The roads of one domain, UTF-8."""
    return finish(_roads(roads, width_of(screen)), screen)


def _report(report: Report, width: int) -> Iterator[Line]:
    rows = rows_of(report)
    for sentence in answer(rows):
        yield from prose(sentence, width, style="bold")
    yield from prose(_about(report), width, style="dim")
    if rows:
        yield BLANK
        yield from table(rows, width)
    if told := list(notes(report)):
        yield BLANK
        for note in told:
            yield from prose(note, width)
    yield BLANK
    yield from findings(report, width)
    yield from gaps(report, width)


def _about(report: Report) -> str:
    """Which host, when, against what."""
    host = f"{report.host.name} ({report.host.os})" if report.host.os else report.host.name
    packs = ", ".join(f"{pack.title} (pack {pack.name}, checked {pack.checked})" for pack in report.policy)
    return f"{host or 'bare dumps'}, {report.scan.at:%Y-%m-%d %H:%M} UTC, against {packs or 'no pack'}"


def _roads(roads: Sequence[Explanation], width: int) -> Iterator[Line]:
    for index, one in enumerate(roads):
        if index:
            yield BLANK
        word, style = VERDICTS[Reach(one.verdict)]
        yield ((f"{one.domain} {from_zone(one.zone)}: ", "bold"), (word, f"bold {style}"))
        alike: dict[tuple[str, tuple[Hop, ...]], list[str]] = {}
        for road in one.roads:
            alike.setdefault((road.verdict, road.hops), []).append(road.name)
        size = max((len(hop.stage) for road in one.roads for hop in road.hops), default=0)
        for (verdict, hops), names in alike.items():
            word, style = VERDICTS[Reach(verdict)]
            yield from prose(word, width, ((f"  {', '.join(names)}: ", "bold"),), style=style)
            for hop in hops:
                yield from _hop(hop, size, width)


def _hop(hop: Hop, size: int, width: int) -> Iterator[Line]:
    word, style = VERDICTS[Reach(hop.verdict)]
    longest = max(len(text) for text, _ in VERDICTS.values())
    start = ((f"    {hop.stage.ljust(size)}  ", ""), (word.ljust(longest + 2), style))
    yield from prose(without_rules(hop.text, hop.sources), width, start)
    indent = " " * sum(len(text) for text, _ in start)
    for source in hop.sources[:MAX_RULES]:
        yield ((indent, ""), (shorten(clean(rule(source)), LONGEST_RULE), "cyan"))
    if (more := len(hop.sources) - MAX_RULES) > 0:
        yield ((indent, ""), (f"and {more} more", "dim"))
