"""Findings that are kept, for people: a line each, or one of them whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.outputs.text.layout import clean
from agent.outputs.text.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.report import Finding, Suppression

SHORT = 8
"""Digits of a uid that a line shows: enough to name a finding by."""


def listing(found: Sequence[Finding], held: int = 0) -> bytes:
    """A line for each: uid, severity, status, since when, and what; and how many are held back besides."""
    lines = [
        f"{one.uid[:SHORT]}  {one.severity.value:<8}  {one.status:<10}  {one.first_seen:%Y-%m-%d}  {clean(one.summary)}"
        + (f" ({_held(one.suppression)})" if one.suppression else "")
        for one in found
    ] or ["no findings"]
    if held:
        lines.append(f"{count(held, 'finding')} suppressed: --status suppressed shows them")
    return ("\n".join(lines) + "\n").encode()


def page(one: Finding) -> bytes:
    """All that an administrator acts on."""
    return ("\n".join(_lines(one)) + "\n").encode()


def _lines(one: Finding) -> Iterator[str]:
    yield clean(one.summary)
    yield ""
    yield f"uid       {one.uid}"
    yield f"rule      {one.rule.id}: {clean(one.rule.title)}"
    yield f"severity  {one.severity.value}, {one.verdict}, {one.status}"
    yield f"seen      {one.first_seen:%Y-%m-%d %H:%M} to {one.last_seen:%Y-%m-%d %H:%M} UTC, in {one.count} audits"
    if one.flaps:
        yield f"          came back {one.flaps} times within a day"
    if one.suppression is not None:
        yield f"held      {_held(one.suppression)}"
    for source in one.locus:
        place = " ".join(part for part in (source.table, source.chain) if part) or source.artifact
        where = f" line {source.line}" if source.line else f" handle {source.handle}" if source.handle else ""
        yield f"where     {clean(place)}{where}: {clean(source.text)}"
    yield ""
    yield clean(one.remedy.text)
    yield from (f"    {clean(command)}" for command in one.remedy.commands)


def _held(one: Suppression) -> str:
    return f"by {clean(one.owner)} until {one.expires:%Y-%m-%d %H:%M} UTC: {clean(one.reason)}"
