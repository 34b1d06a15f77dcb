"""What to act on: a card for findings that differ in nothing but the domain, most severe first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.model.vocabulary import from_zone
from agent.outputs.html_.markup import Html, fold, items, moment, tag, text, together
from agent.outputs.text.findings import alike, remedy_of, summary_of
from agent.outputs.text.layout import shorten
from agent.outputs.text.words import MAX_RULES, count, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.report import Evidence, Finding, GapOut, Report, SourceOut

LONGEST: Final = 2000
"""Characters of one rule, or of one piece of evidence; the JSON output has all."""
LINKS: Final = ("https://", "http://")


def findings(report: Report) -> Iterator[Html]:
    """Open findings; suppressed and resolved ones are folded away, with who decided so until when."""
    ordered = sorted(report.findings, key=lambda one: -one.severity.rank)
    shown = [one for one in ordered if one.status == "open"]
    if not shown:
        yield tag("p", "Nothing to act on.")
    for group in alike(shown, report.policy):
        yield _card(group, report.gaps)
    for status in ("suppressed", "resolved"):
        if others := [one for one in ordered if one.status == status]:
            yield fold(f"{count(len(others), 'finding')} {status}", items(map(_line, others)))


def _card(group: Sequence[Finding], gaps: Sequence[GapOut]) -> Html:
    first = group[0]
    heading = f"h-{first.uid}"
    badge = tag("span", first.severity.value, class_="badge")
    parts = [
        tag("h3", badge, first.rule.title, id=heading),
        tag("p", _where(first), class_="soft small"),
        tag("p", summary_of(group, gaps)),
    ]
    if len(group) > 1:
        names = (tag("li", tag("code", one.subject.name), id=f"f-{one.uid}") for one in group)
        parts.append(tag("ul", *names, class_="names"))
    if first.locus:
        parts += [tag("h4", "Where"), *_rules(first.locus)]
    parts += [tag("h4", "What to do"), *_remedy(group, gaps)]
    parts.append(fold("Why it matters", *_paragraphs(first.rule.manual)))
    if proofs := [(one, proof) for one in group for proof in one.evidence]:
        named = len(group) > 1
        lines = [_evidence(proof, one.subject.name if named else "") for one, proof in proofs]
        parts.append(fold(f"Evidence ({len(lines)})", items(lines)))
    if first.references:
        parts.append(tag("p", "References: ", together(map(_reference, first.references), ", "), class_="small"))
    anchor = f"f-{first.uid}" if len(group) == 1 else None
    return tag("article", *parts, class_=f"card {first.severity.value}", id=anchor, aria_labelledby=heading)


def _where(one: Finding) -> Html:
    """The rule, and to what the finding applies."""
    parts = [
        tag("code", one.rule.id),
        "unknown, not proven" if one.verdict == "unknown" else "",
        f"{one.subject.kind} {one.subject.name}" if one.subject.kind != "domain" else "",
        f"pack {one.pack}" if one.pack else "",
        from_zone(one.zone) if one.zone else "",
        ", ".join(one.road),
        ", ".join(one.port),
        ", ".join(f"IPv{family}" for family in one.family),
        f"stopped at {', '.join(one.blocked_at)}" if one.blocked_at else "",
        {"config": "", "observed": "seen in traffic", "probe": "probed"}[one.source],
        together(("since ", moment(one.first_seen))) if one.first_seen != one.last_seen else "",
    ]
    return together((part for part in parts if part), " \u00b7 ")


def _rules(locus: Sequence[SourceOut]) -> Iterator[Html]:
    lines = [_rule(source) for source in locus]
    yield items(lines[:MAX_RULES], "rules")
    if rest := lines[MAX_RULES:]:
        yield fold(f"and {count(len(rest), 'more rule')}", items(rest, "rules"))


def _rule(source: SourceOut) -> Html:
    where = place(source)
    if not source.text or where.endswith(source.text):
        return text(where)
    return together((where, ": ", tag("code", shorten(source.text, LONGEST))))


def _remedy(group: Sequence[Finding], gaps: Sequence[GapOut]) -> Iterator[Html]:
    remedy = group[0].remedy
    proven = " Proven on the model: it helps, and changes nothing else." if remedy.proven else ""
    yield tag("p", remedy_of(group, gaps) + proven)
    commands = list(dict.fromkeys(command for one in group for command in one.remedy.commands))
    if commands:
        yield tag("pre", tag("code", together(commands, Html("\n"))))


def _evidence(proof: Evidence, name: str) -> Html:
    words = together(
        (
            together((tag("strong", key), f": {shorten(_words(value), LONGEST)}"))
            for key, value in _pairs(proof.data).items()
        ),
        "; ",
    )
    return together((part for part in (text(name), moment(proof.at), text(proof.type), words) if part), " \u00b7 ")


def _pairs(data: dict[str, Any]) -> dict[str, Any]:
    """Evidence of a configuration names one thing and its value."""
    return {data["what"]: data["value"]} if set(data) == {"what", "value"} and isinstance(data["what"], str) else data


def _words(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


def _paragraphs(manual: str) -> Iterator[Html]:
    for paragraph in manual.split("\n\n"):
        if paragraph.strip():
            yield tag("p", paragraph)


def _reference(words: str) -> Html:
    return tag("a", words, href=words, rel="noopener noreferrer") if words.startswith(LINKS) else text(words)


def _line(one: Finding) -> Html:
    """One that nobody has to act on now."""
    held = one.suppression
    why: tuple[str, ...] = ()
    if held is not None:
        why = (f" \u2014 {held.reason} ({held.owner}, until ", moment(held.expires), ")")
    elif one.resolved_at is not None:
        why = (" \u2014 ", moment(one.resolved_at))
    return together((tag("strong", one.severity.value), " ", one.summary, *why))
