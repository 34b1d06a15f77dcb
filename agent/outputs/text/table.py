"""The table: which domain, from where, how it fares, what stops it and where that is decided."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from agent.outputs.text.layout import BLANK, columns, prose, wrap
from agent.outputs.text.words import VERDICTS, count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.outputs.text.layout import Line
    from agent.outputs.text.overview import Reason, Row

HEADINGS: Final = ("DOMAIN", "ZONE", "VERDICT", "WHAT STOPS IT", "WHERE")
ROOM: Final = 60
"""Columns that the last two headings need together; with less, they go below the domains."""
MAX_PLACES: Final = 3


def table(rows: Sequence[Row], width: int) -> Iterator[Line]:
    """Every domain on a line of its own; neighbours that fare alike share the reason beside them."""
    if not rows:
        return
    left = [max(len(text) for text in column) for column in zip(HEADINGS[:3], *map(_words, rows), strict=True)]
    room = width - sum(left) - 2 * len(left)
    spots = [len(text) for row in rows for reason in row.reasons for text in _places(reason)]
    where = min(max([len(HEADINGS[4]), *spots]), room // 2)
    right = [room - where - 2, where]
    any_reason = any(row.reasons for row in rows)
    beside = any_reason and room >= ROOM
    shown = 5 if beside else 3
    yield columns([(text, size, "bold") for text, size in zip(HEADINGS[:shown], [*left, *right], strict=False)])
    for index, group in enumerate(_groups(rows)):
        if index and any_reason:
            yield BLANK
        reasons = group[0].reasons
        cells = [cell for reason in reasons for cell in _cells(reason, *right)] if beside else []
        for at in range(max(len(group), len(cells))):
            words, style = (_words(group[at]), VERDICTS[group[at].verdict][1]) if at < len(group) else (("",) * 3, "")
            line = [(text, size, mark) for text, size, mark in zip(words, left, ("", "", style), strict=True)]
            line += [(text, size, "") for text, size in zip(cells[at], right, strict=True)] if at < len(cells) else []
            yield columns(line)
        for reason in () if beside else reasons:
            yield from prose("; ".join((reason.what, *_places(reason))), width, (("    ", ""),))


def _groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Neighbours of one zone that fare alike."""
    for _, group in groupby(rows, key=lambda row: (row.zone, row.verdict, row.reasons)):
        yield list(group)


def _words(row: Row) -> tuple[str, ...]:
    return row.domain, row.zone, VERDICTS[row.verdict][0]


def _cells(reason: Reason, what: int, where: int) -> Iterator[tuple[str, str]]:
    left = wrap(reason.what, what)
    right = [line for spot in _places(reason) for line in wrap(spot, where)]
    for at in range(max(len(left), len(right))):
        yield left[at] if at < len(left) else "", right[at] if at < len(right) else ""


def _places(reason: Reason) -> tuple[str, ...]:
    rest = len(reason.where) - MAX_PLACES
    return (*reason.where[:MAX_PLACES], f"and {count(rest, 'more rule')}") if rest > 0 else reason.where
