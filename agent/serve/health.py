"""``/healthz`` and ``/readyz``: for whoever restarts, and for whoever asks whether answers are worth anything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web

from agent.errors import StateError
from agent.model.standing import AUDIT, Standing, patience
from agent.serve.answers import whole
from agent.serve.problems import Problem
from agent.serve.route import JSON, Asked, Representation, Route

if TYPE_CHECKING:
    from datetime import timedelta

    from agent.serve.site import Site

TEXT: Final = "text/plain"


async def healthz(asked: Asked) -> web.StreamResponse:
    """Say that requests are answered."""
    headers = {**asked.site.setup.now.headers, "Content-Type": TEXT, "Cache-Control": "no-store"}
    return web.Response(body=b"ok\n", headers=headers)


async def readyz(asked: Asked) -> web.StreamResponse:
    """Say whether findings can be read, and are not old."""
    found = await reasons(asked.site, datetime.now(UTC))
    told = {"ready": not found, "reasons": found if await _may_know(asked) else []}
    response = await whole(asked, orjson.dumps(told) + b"\n")
    response.headers["Cache-Control"] = "no-store"
    if found:
        response.set_status(503)
    return response


async def _may_know(asked: Asked) -> bool:
    """Whether the client has any credential; that it has none is no reason to refuse the rest."""
    try:
        access = asked.site.setup.now.access
        return bool(await access.scopes(asked.peer, asked.request.headers.get("Authorization")))
    except Problem:
        return False


async def reasons(site: Site, now: datetime) -> list[dict[str, str]]:
    """Why answers are worth little now."""
    try:
        return overdue(await site.state.standing(), site.every, now)
    except StateError as error:
        return [{"check": "store", "reason": str(error)}]


def overdue(standing: Standing, every: timedelta, now: datetime) -> list[dict[str, str]]:
    """What should have been done by now."""
    audit = next((one for one in standing.checks if one.name == AUDIT), None)
    last = audit.succeeded if audit is not None and audit.succeeded is not None else standing.at
    if last is None:
        trouble = f": {audit.trouble}" if audit is not None and audit.trouble else ""
        return [{"check": AUDIT, "reason": f"the host was never audited{trouble}"}]
    if now - last > patience(every):
        trouble = f": {audit.trouble}" if audit is not None and audit.trouble else ""
        return [{"check": AUDIT, "reason": f"the last audit is of {last:%Y-%m-%dT%H:%M:%SZ}{trouble}"}]
    return []


ROUTES: Final = (
    Route(
        path="/healthz",
        answer=healthz,
        summary="Whether requests are answered",
        scope=None,
        forms=(Representation(media=TEXT),),
        versioned=False,
    ),
    Route(
        path="/readyz",
        answer=readyz,
        summary="Whether findings can be read and are not old, with the reasons where not",
        scope=None,
        schema={JSON: "ReadyOut"},
        problems=(503,),
        versioned=False,
    ),
)
