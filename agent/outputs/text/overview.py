"""The answer in a sentence: how many domains can pass from where; and the rows it counts."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from agent.model.overall import overall
from agent.model.record import record
from agent.model.vocabulary import HOST, Reach, from_zone
from agent.outputs.text.layout import clean, shorten
from agent.outputs.text.words import (
    VERDICTS,
    count,
    listed,
    model_source,
    place,
    without_gaps,
    without_rules,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.report import GapOut, Report, Verdict

LONGEST_REASON: Final = 300
TROUBLES: Final = (Reach.BLOCKED, Reach.PARTIAL, Reach.UNKNOWN)
SHORTFALLS: Final = {
    Reach.PARTIAL: "only in part",
    Reach.BLOCKED: "not at all",
    Reach.UNKNOWN: "unknown",
    Reach.NOT_ROUTED: "without a road",
}


@record
class Reason:
    """Why a domain does not pass, and where that is decided."""

    what: str
    where: tuple[str, ...]


@record
class Row:
    """One domain from one zone."""

    domain: str
    zone: str
    verdict: Reach
    reasons: tuple[Reason, ...]


def rows_of(report: Report) -> list[Row]:
    """One row for each domain and zone, in the report's order of zones and domains, client zones first."""
    found: dict[tuple[str, str], list[Verdict]] = {}
    for one in report.verdicts:
        found.setdefault((one.zone, one.domain), []).append(one)
    zones = list(dict.fromkeys(zone for zone, _ in found))
    rows = [
        Row(domain, zone, overall(one for one in verdicts if one.required), _reasons(verdicts, report.gaps))
        for (zone, domain), verdicts in found.items()
    ]
    return sorted(rows, key=lambda row: (row.zone == HOST, zones.index(row.zone)))


def answer(rows: Sequence[Row]) -> Iterator[str]:
    """One sentence for zones that fare alike, worst first."""
    if not rows:
        yield "Nothing was asked: no pack names a required domain."
        return
    alike: dict[tuple[tuple[Reach, int], ...], list[str]] = {}
    for zone, mine in groupby(rows, key=lambda row: row.zone):
        verdicts = [row.verdict for row in mine]
        counts = tuple((reach, verdicts.count(reach)) for reach in VERDICTS if reach in verdicts)
        alike.setdefault(counts, []).append(zone)
    for counts, zones in sorted(alike.items(), key=lambda item: dict(item[0]).get(Reach.ALLOWED, 0)):
        yield _sentence(dict(counts), phrases(zones))


def _sentence(counts: dict[Reach, int], zones: str) -> str:
    total = sum(counts.values())
    domains = count(total, "required domain")
    if counts.get(Reach.NOT_ROUTED) == total:
        return f"None of {domains} has a road to the internet {zones}."
    passing = f"{counts.get(Reach.ALLOWED, 0)} of {domains} can pass {zones}"
    others = [f"{counts[reach]} {words}" for reach, words in SHORTFALLS.items() if counts.get(reach)]
    return f"{passing}; {listed(others)}." if others else f"{passing}."


def _reasons(verdicts: Sequence[Verdict], gaps: Sequence[GapOut]) -> tuple[Reason, ...]:
    """What stops required ports; ports and families that are stopped alike share one reason."""
    required = list(dict.fromkeys(one.port for one in verdicts if one.required))
    alike: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for one in verdicts:
        if one.required and one.verdict in TROUBLES:
            where = tuple(dict.fromkeys(place(source) for source in one.decided_by))
            alike.setdefault((_reason(one, gaps), one.road, where), []).append(one.port)
    reasons = []
    for (what, road, where), ports in alike.items():
        some = [port for port in required if port in ports]
        label = [] if some == required else [listed(some)]
        label += [] if road == "direct" else [road.replace(":", " ", 1)]
        reasons.append(Reason(f"{', '.join(label)}: {what}" if label else what, where))
    return tuple(reasons)


def _reason(verdict: Verdict, gaps: Sequence[GapOut]) -> str:
    sentence = without_rules(verdict.because, map(model_source, verdict.decided_by))
    return shorten(clean(without_gaps(sentence, gaps)), LONGEST_REASON)


def notes(report: Report) -> Iterator[str]:
    """What the table leaves out: families without a road, and what stops only ports that are preferred."""
    routed = {one.zone for one in report.verdicts if one.verdict is not Reach.NOT_ROUTED}
    missing: dict[tuple[int, str], list[str]] = {}
    for one in report.verdicts:
        if one.verdict is Reach.NOT_ROUTED and one.zone in routed:
            missing.setdefault((one.family, one.because), []).append(one.zone)
    for (family, because), zones in missing.items():
        yield f"IPv{family} was not judged {phrases(zones)}: {because}."
    said = {(one.domain, one.zone, one.family, one.because) for one in report.verdicts if one.required}
    preferred: dict[tuple[str, str, Reach], list[str]] = {}
    for one in report.verdicts:
        known = (one.domain, one.zone, one.family, one.because) in said
        if not one.required and one.verdict in TROUBLES and not known:
            where = f" ({place(one.decided_by[0])})" if one.decided_by else ""
            preferred.setdefault((one.port, _reason(one, report.gaps) + where, one.verdict), []).append(one.zone)
    for (port, because, verdict), zones in preferred.items():
        yield f"{port}, preferred but not required, is {VERDICTS[verdict][0]} {phrases(zones)}: {because}."
    yield from (f"{note[0].upper()}{note[1:]}." for note in map(clean, report.notes))


def phrases(zones: Iterable[str]) -> str:
    """``from lan0 and from this host``, each zone once."""
    return listed([from_zone(zone) for zone in dict.fromkeys(zones)])
