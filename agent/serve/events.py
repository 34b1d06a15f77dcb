"""``/v1/events``: what changed, in order, from a cursor on; nothing is left out, or the client is told."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import orjson

from agent.serve import parameters
from agent.serve.answers import whole
from agent.serve.problems import Problem
from agent.serve.route import JSON, LINES, Asked, Representation, Route, Scope
from agent.store.reading import Gone

if TYPE_CHECKING:
    from aiohttp import web

    from agent.store import Reader
    from agent.store.reading import Page

EVENTS: Final = "gateproof.events/1"
USUAL, MOST = 250, 1000
"""Events of one answer."""
FORMS: Final = (Representation(media=JSON, format="json"), Representation(media=LINES, format="jsonl"))


async def events(asked: Asked) -> web.StreamResponse:
    """Give the events after a cursor, or from the oldest that is kept."""
    query = asked.resolved.query
    cursor, limit = query.get("after"), query.get("limit", USUAL)
    page = await asked.site.state.read(lambda reader: _page(reader, cursor, limit))
    following = f"{page.version.epoch}-{page.last}"
    asked.headers["Link"] = f'<{_link(asked, following)}>; rel="next"'
    if asked.resolved.form.media == LINES:
        return await whole(asked, b"".join(page.lines), page.version)
    told = {
        "schema": EVENTS,
        "events": [orjson.Fragment(line.rstrip(b"\n")) for line in page.lines],
        "next": following,
        "more": page.more,
    }
    return await whole(asked, orjson.dumps(told) + b"\n", page.version)


def _page(reader: Reader, cursor: str | None, limit: int) -> Page:
    """Raises Problem where events after the cursor are kept no more, or never were."""
    if cursor is None:
        return reader.from_oldest(limit)
    epoch, _, number = cursor.partition("-")
    after = int(number)
    try:
        page = reader.events(after, limit)
    except Gone as error:
        gone = reader.version()
        raise (_gone("older than what is kept") if epoch == gone.epoch else _strange()) from error
    if epoch != page.version.epoch:
        raise _strange()
    if after > page.version.seq:
        raise _gone("newer than what there is: the store is an older copy")
    return page


ANEW: Final = "read /v1/findings as a whole, then go on after its epoch-seq"


def _gone(why: str) -> Problem:
    return Problem(HTTPStatus.GONE, "cursor-gone", f"the cursor is {why}; {ANEW}")


def _strange() -> Problem:
    """Nobody here knows whether there ever was such a cursor, so it is not known to be gone."""
    return Problem(
        HTTPStatus.NOT_FOUND,
        "cursor-unknown",
        f"the cursor is of another store, or this one was made anew; {ANEW}",
    )


def _link(asked: Asked, following: str) -> str:
    """The request that gives what comes next."""
    query = {"after": following, "limit": str(asked.resolved.query.get("limit", USUAL))}
    if form := asked.resolved.query.get("format"):
        query["format"] = form
    return f"/v1/events?{urlencode(query)}"


ROUTES: Final = (
    Route(
        path="/v1/events",
        answer=events,
        summary="What changed, in order, after a cursor",
        scope=Scope.FINDINGS,
        query=(
            parameters.matching(
                "after",
                parameters.CURSOR,
                "a cursor, as `next` gives it",
                "The `next` of an earlier answer; without it: from the oldest event that is kept.",
            ),
            parameters.number("limit", 1, MOST, USUAL, "Events of one answer."),
            parameters.of_form([one.format for one in FORMS]),
        ),
        forms=FORMS,
        schema={JSON: "EventsOut"},
        problems=(404, 410),
    ),
)
