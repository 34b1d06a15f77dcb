"""For people: the answer in one line, who can reach what, what stops it, and what to do."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from agent.model.vocabulary import Reach

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.model.explanation import Explanation
    from agent.model.report import Finding, GapOut, Report, SourceOut, Verdict

WIDTH: Final = 110
WORDS: Final = {
    Reach.ALLOWED: "allowed",
    Reach.PARTIAL: "PARTLY BLOCKED",
    Reach.BLOCKED: "BLOCKED",
    Reach.UNKNOWN: "UNKNOWN",
    Reach.NOT_ROUTED: "not routed",
}
ORDER: Final = (Reach.BLOCKED, Reach.PARTIAL, Reach.UNKNOWN, Reach.ALLOWED, Reach.NOT_ROUTED)
MAX_RULES: Final = 5


def render(report: Report) -> bytes:
    """The report as plain text, UTF-8, no wider than a screen where words allow."""
    lines = [*_answer(report), ""]
    lines += [*_table(report), ""]
    for finding, subjects in _grouped(report.findings):
        lines += [*_finding(finding, subjects), ""]
    lines += _gaps(report.gaps)
    return ("\n".join(lines).rstrip() + "\n").encode()


def _answer(report: Report) -> Iterable[str]:
    """One line for each zone: the counts."""
    host = f"{report.host.name} ({report.host.os})" if report.host.os else report.host.name
    yield f"{host or 'recorded rules'}, {report.scan.at:%Y-%m-%d %H:%M} UTC: " + ", ".join(
        f"{pack.title} ({len(pack.domains)} domains)" for pack in report.policy
    )
    for zone in _unique(one.zone for one in report.verdicts):
        counts = dict.fromkeys(ORDER, 0)
        for domain in _unique(one.domain for one in report.verdicts if one.zone == zone):
            counts[_worst([v for v in report.verdicts if v.zone == zone and v.domain == domain])] += 1
        total = sum(counts.values())
        said = ", ".join(f"{number} {WORDS[reach].lower()}" for reach, number in counts.items() if number)
        if counts[Reach.ALLOWED] == total:
            yield f"From {zone}: all {total} required domains can pass."
        else:
            yield f"From {zone}: of {total} required domains, {said}."


def _table(report: Report) -> Iterable[str]:
    """Domain, zone, verdict, what stops it; domains that fare alike share their reason."""
    rows: list[tuple[str, str, str, str]] = []
    last = ""
    for zone in _unique(one.zone for one in report.verdicts):
        for domain in _unique(one.domain for one in report.verdicts if one.zone == zone):
            mine = [one for one in report.verdicts if one.zone == zone and one.domain == domain]
            worst = _worst(mine)
            reason = _reason(mine, worst)
            rows.append((domain, zone, WORDS[worst], "same" if reason == last and reason else reason))
            last = reason
    heads = ("DOMAIN", "ZONE", "VERDICT", "WHAT STOPS IT, AND WHERE")
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(3)]
    for row in (heads, *rows):
        left = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False))
        indent = " " * (len(left) + 2)
        wrapped = textwrap.wrap(row[3], max(WIDTH - len(indent), 40), break_long_words=False) or [""]
        yield f"{left}  {wrapped[0]}".rstrip()
        yield from (indent + more for more in wrapped[1:])


def _worst(verdicts: Sequence[Verdict]) -> Reach:
    """Over required ports and routed families, as findings count it."""
    found = {one.verdict for one in verdicts if one.port != "udp/443"} - {Reach.NOT_ROUTED}
    if not found:
        return Reach.NOT_ROUTED
    if found == {Reach.BLOCKED}:
        return Reach.BLOCKED
    if found & {Reach.BLOCKED, Reach.PARTIAL}:
        return Reach.PARTIAL
    return Reach.UNKNOWN if Reach.UNKNOWN in found else Reach.ALLOWED


def _reason(verdicts: Sequence[Verdict], worst: Reach) -> str:
    if worst is Reach.ALLOWED:
        return ""
    wanted = (Reach.NOT_ROUTED,) if worst is Reach.NOT_ROUTED else (Reach.BLOCKED, Reach.PARTIAL, Reach.UNKNOWN)
    reasons: dict[str, list[str]] = {}
    for one in verdicts:
        if one.verdict in wanted and one.port != "udp/443":
            reasons.setdefault(one.because, []).append(f"{one.port}")
    return "; ".join(f"{', '.join(_unique(ports))}: {because}" for because, ports in reasons.items())


def _grouped(findings: Sequence[Finding]) -> Iterable[tuple[Finding, list[str]]]:
    """Findings that say the same of several domains, once, with all their domains."""
    groups: dict[tuple[object, ...], tuple[Finding, list[str]]] = {}
    for one in findings:
        alike = one.remedy.text.replace(one.subject.name, "") if one.subject.kind == "domain" else one.uid
        key = (one.rule.id, one.zone, alike, tuple(str(source) for source in one.locus))
        groups.setdefault(key, (one, []))[1].append(one.subject.name)
    return groups.values()


def _finding(finding: Finding, subjects: list[str]) -> Iterable[str]:
    mark = "?" if finding.verdict == "unknown" else "!"
    said = finding.summary
    if len(subjects) > 1:
        verb = said.partition(" ")[2]
        said = f"{len(subjects)} domains ({', '.join(subjects)}): each {verb}"
    yield from _wrapped(f"{mark} {finding.severity.value.upper()}  {finding.rule.id}: {said}", "    ")
    for source in finding.locus[:MAX_RULES]:
        yield f"    rule:    {_place(source)}"
    if len(finding.locus) > MAX_RULES:
        yield f"             and {len(finding.locus) - MAX_RULES} more"
    yield from _wrapped(f"    remedy:  {finding.remedy.text}", " " * 13)
    for command in finding.remedy.commands[:MAX_RULES]:
        yield f"             # {command}"


def _place(source: SourceOut) -> str:
    where = " ".join(part for part in (source.table, source.chain) if part) or source.artifact
    if source.handle is not None:
        where += f" handle {source.handle}"
    elif source.line is not None:
        where += f" line {source.line}"
    return f"{where}: {source.text}" if source.text else where


def _gaps(gaps: Sequence[GapOut]) -> Iterable[str]:
    if gaps:
        yield "What could not be read or understood:"
    for gap in gaps:
        remedy = f" ({gap.remedy})" if gap.remedy else ""
        yield from _wrapped(f"  - {gap.subject}: {gap.reason}{remedy}", "    ")


def render_explanations(explanations: Sequence[Explanation]) -> str:
    """The road of a domain, hop by hop, from each zone."""
    lines: list[str] = []
    for one in explanations:
        lines.append(f"{one.domain} from {one.zone}: {WORDS[Reach(one.verdict)]}")
        for hop in one.hops:
            lines += _wrapped(f"  {hop.stage:<24} {WORDS[Reach(hop.verdict)]:<15} {hop.text}", " " * 43)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
