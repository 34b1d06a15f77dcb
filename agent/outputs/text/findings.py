"""What to act on, and what could not be read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agent.outputs.text.layout import BLANK, clean, prose, shorten, wrap
from agent.outputs.text.words import (
    LONGEST_RULE,
    MAX_RULES,
    SEVERITIES,
    count,
    listed,
    model_source,
    place,
    rule,
    without_gaps,
    without_rules,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.model.report import Finding, GapOut, PolicyOut, Report
    from agent.outputs.text.layout import Line, Span

MAX_GAPS: Final = 20
UNREAD: Final = "source-unreadable"
"""The rule whose findings are told with what was not understood, by what would help."""
INDENT: Final = 10
MORE: Final = "and {} more (--format json has all)"


def findings(report: Report, width: int) -> Iterator[Line]:
    """Open findings, most severe first; those that differ in nothing but the domain are told once."""
    opened = [one for one in report.findings if one.status == "open"]
    shown = [one for one in opened if one.rule.id != UNREAD]
    held = [one for one in report.findings if one.status == "suppressed"]
    blind = f"{count(len(opened) - len(shown), 'source')} that could not be read" if len(shown) < len(opened) else ""
    told = [count(len(shown), "finding")] * bool(shown) + [blind] * bool(blind)
    yield ((" and ".join(told) or "Nothing to act on.", "bold"),)
    for group in alike(shown, report.policy):
        yield BLANK
        yield from _finding(group, report.gaps, width)
    if held:
        yield BLANK
        yield ((f"{count(len(held), 'finding')} suppressed", "bold"),)
        why = Counter(one.suppression for one in held if one.suppression is not None)
        for one, number in sorted(why.items(), key=lambda pair: (pair[0].expires, pair[0].owner, pair[0].reason)):
            said = f"{number} by {one.owner} until {one.expires:%Y-%m-%d %H:%M} UTC: {one.reason}"
            yield from prose(said, width, (("  ", ""),))


def alike(shown: Iterable[Finding], policy: Iterable[PolicyOut]) -> list[list[Finding]]:
    """Findings that differ in nothing but the domain, in the order of the first; their domains in their pack's."""
    order = {domain: at for at, domain in enumerate(domain for pack in policy for domain in pack.domains)}
    groups: dict[object, list[Finding]] = {}
    for one in shown:
        name = "" if one.subject.kind == "domain" else one.uid
        locus = tuple(rule(source) for source in one.locus)
        remedy = one.remedy.text.replace(one.subject.name, "")
        said = (one.rule.id, one.severity, one.verdict, one.source, one.zone)
        key = (*said, name, locus, remedy, *one.port, *one.family)
        groups.setdefault(key, []).append(one)
    return [sorted(group, key=lambda one: order.get(one.subject.name, len(order))) for group in groups.values()]


def _finding(group: Sequence[Finding], gaps: Sequence[GapOut], width: int) -> Iterator[Line]:
    first = group[0]
    severity = (first.severity.value.ljust(INDENT), SEVERITIES[first.severity])
    title = (severity, (first.rule.title, "bold"))
    if sum(len(text) for text, _ in title) + len(first.rule.id) + 2 <= width:
        yield (*title, (f"  {first.rule.id}", "dim"))
    else:
        yield title
        yield ((" " * INDENT, ""), (first.rule.id, "dim"))
    yield from prose(summary_of(group, gaps), width, ((" " * INDENT, ""),))
    if len(group) > 1:
        yield from prose("  ".join(one.subject.name for one in group), width, ((" " * INDENT, ""),))
    yield from _some([shorten(clean(rule(source)), LONGEST_RULE) for source in first.locus], "", "rule")
    yield from prose(remedy_of(group, gaps), width, (_label("do"),))
    yield from _some([clean(command) for command in first.remedy.commands], "cyan")


def _some(texts: Sequence[str], style: str, label: str = "") -> Iterator[Line]:
    """The first few, each on a line however long, so that it can be searched for and copied."""
    for index, text in enumerate(texts[:MAX_RULES]):
        yield (_label("" if index else label), (text, style))
    if len(texts) > MAX_RULES:
        yield (_label(""), (MORE.format(len(texts) - MAX_RULES), "dim"))


def _label(text: str) -> Span:
    return (" " * INDENT + text.ljust(6), "dim")


def summary_of(group: Sequence[Finding], gaps: Sequence[GapOut]) -> str:
    """What the findings have in common, without the rules that follow below it."""
    first = group[0]
    summary = without_gaps(without_rules(first.summary, map(model_source, first.locus)), gaps)
    if len(group) == 1:
        return summary
    rest = summary.removeprefix(f"{first.subject.name} ")
    if rest == summary:
        return f"{summary}; and {count(len(group) - 1, 'more domain')}"
    return f"{len(group)} domains: {rest.removeprefix('is ')}"


def remedy_of(group: Sequence[Finding], gaps: Sequence[GapOut]) -> str:
    """What to do about all of them, in words."""
    text = without_gaps(group[0].remedy.text, gaps)
    return text if len(group) == 1 else text.replace(group[0].subject.name, "these domains")


def gaps(report: Report, width: int) -> Iterator[Line]:
    """What could not be read or understood, and what would help."""
    told = unread(report)
    if not told:
        return
    yield BLANK
    yield (("Not read, or not understood; what depends on it is unknown", "bold"),)
    yield BLANK
    size = min(24, max(len(subject) for subject, _, _ in told))
    for subject, reason, remedy in told[:MAX_GAPS]:
        yield from prose(shorten(reason, LONGEST_RULE), width, ((f"  {clean(subject).ljust(size)}  ", ""),))
        if remedy:
            yield from (((" " * (size + 4), ""), (line, "cyan")) for line in wrap(remedy, width - size - 4))
    if len(told) > MAX_GAPS:
        yield (("  " + MORE.format(len(told) - MAX_GAPS), "dim"),)


def unread(report: Report) -> list[tuple[str, str, str]]:
    """Subject, reason and remedy of all that could not be read or understood, each once."""
    return list(dict.fromkeys((*map(_gap, report.gaps), *_unexplained(report))))


def _gap(gap: GapOut) -> tuple[str, str, str]:
    """Subject, reason with its place, remedy."""
    source, reason = gap.source, gap.reason
    if source and source.text and source.text not in reason:
        reason = f"{reason}: {rule(source)}"
    elif source and source.line is not None and f"line {source.line}" not in reason:
        reason = f"{place(source)}: {reason}"
    return gap.subject, reason, gap.remedy


def _unexplained(report: Report) -> Iterator[tuple[str, str, str]]:
    """Answers that never came, and that no gap speaks of."""
    named = {gap.source.artifact for gap in report.gaps if gap.source}
    by_status: dict[str, list[str]] = {}
    for name, status in report.scan.unread.items():
        if name not in named:
            by_status.setdefault(status, []).append(name.removeprefix("files") if "/" in name else name)
    for status, names in sorted(by_status.items()):
        yield status, listed(names), ""
