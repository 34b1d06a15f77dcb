"""Whether what is required can pass: a matrix of domains and zones, and every verdict below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.model.vocabulary import Reach, clients_of
from agent.outputs.html_.markup import Html, fold, items, table, tag, text, together
from agent.outputs.text.layout import shorten
from agent.outputs.text.overview import answer, notes, rows_of
from agent.outputs.text.words import LONGEST_RULE, MAX_RULES, VERDICTS, model_source, rule, without_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.report import Report, Verdict
    from agent.outputs.text.overview import Row

SIGNS: Final = {
    Reach.ALLOWED: "\u2713",
    Reach.PARTIAL: "\u25d0",
    Reach.BLOCKED: "\u2715",
    Reach.UNKNOWN: "?",
    Reach.NOT_ROUTED: "\u2013",
}
"""A shape beside each word, for who tells colours apart badly."""


def answers(report: Report) -> Html:
    """The answer, a sentence for zones that fare alike."""
    return together(tag("p", sentence, class_="answer") for sentence in answer(rows_of(report)))


def reach(report: Report) -> Iterator[Html]:
    """The matrix, what it leaves out, and every verdict."""
    rows = rows_of(report)
    if not rows:
        yield tag("p", "No pack names a required domain, so nothing was asked.")
        return
    yield _matrix(report, rows)
    if told := list(notes(report)):
        yield items(told)
    yield fold("Every road, port and address family", _verdicts(report))


def _matrix(report: Report, rows: Sequence[Row]) -> Html:
    found = {(row.domain, row.zone): row.verdict for row in rows}
    zones = list(dict.fromkeys(row.zone for row in rows))
    links: dict[tuple[str, str | None], str] = {}
    for one in report.findings:
        if one.subject.kind == "domain" and one.status == "open":
            links.setdefault((one.subject.name, one.zone), one.uid)
    domains = dict.fromkeys(row.domain for row in rows)
    groups = [(pack.title, [one for one in pack.domains if one in domains]) for pack in report.policy]
    listed = {one for _, names in groups for one in names}
    groups.append(("", [one for one in domains if one not in listed]))
    bodies = []
    for title, names in groups:
        lines = []
        if title and len(report.policy) > 1:
            lines.append(tag("tr", tag("th", title, class_="pack", scope="rowgroup", colspan=str(len(zones) + 1))))
        for name in names:
            cells = [_cell(found.get((name, zone)), links.get((name, zone))) for zone in zones]
            lines.append(tag("tr", tag("th", _domain(name), scope="row"), *cells))
        if names:
            bodies.append(tag("tbody", *lines))
    return table("Required domains by zone", ["Domain", *map(clients_of, zones)], *bodies)


def _domain(name: str) -> Html:
    """A name that may be broken after its labels, but not right after the star."""
    star = "*." * name.startswith("*.")
    return together((star, together(name.removeprefix(star).split("."), Html(".<wbr>"))))


def _cell(verdict: Reach | None, uid: str | None) -> Html:
    return tag("td") if verdict is None else tag("td", word(verdict, uid))


def word(verdict: Reach, uid: str | None = None) -> Html:
    """A verdict in its colour, with a link to its finding where there is one."""
    name = VERDICTS[verdict][0]
    told = text(name) if uid is None else tag("a", name, href=f"#f-{uid}")
    return tag("span", tag("span", SIGNS[verdict], aria_hidden="true"), "\u00a0", told, class_=f"word {verdict.value}")


def _verdicts(report: Report) -> Html:
    """Verdicts in the report's order; domains that fare alike on one road share a line."""
    alike: dict[tuple[str, str, str, int, Reach, str, bool], list[Verdict]] = {}
    for one in report.verdicts:
        because = one.because.replace(one.domain, "\u2026")
        key = (one.zone, one.road, one.port, one.family, one.verdict, because, one.required)
        alike.setdefault(key, []).append(one)
    lines = []
    for group in alike.values():
        first = group[0]
        needed = "" if first.required else " (preferred)"
        cells = (
            clients_of(first.zone),
            first.road,
            first.port + needed,
            f"IPv{first.family}",
            word(first.verdict),
            together((one.domain for one in group), ", "),
            _because(first),
        )
        lines.append(tag("tr", *(tag("td", one) for one in cells)))
    headings = ("From", "Road", "Port", "Family", "Verdict", "Domains", "Because")
    return table("Every verdict, with the rules that decide", headings, tag("tbody", *lines), class_="long")


def _because(one: Verdict) -> Html:
    because = without_rules(one.because, map(model_source, one.decided_by))
    rules = [tag("code", shorten(rule(source), LONGEST_RULE)) for source in one.decided_by[:MAX_RULES]]
    if (more := len(one.decided_by) - MAX_RULES) > 0:
        rules.append(text(f"and {more} more"))
    return together((because, items(rules, "rules") if rules else Html("")))
