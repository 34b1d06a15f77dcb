"""``/metrics``, for Prometheus."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from agent.metrics import MEDIA, Http, render
from agent.serve.answers import whole
from agent.serve.health import TEXT
from agent.serve.route import Asked, Representation, Route, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web


async def metrics(asked: Asked) -> web.StreamResponse:
    """Give all metrics; they change with time as well as with the state."""
    counters = asked.site.counters
    http = Http(counters.answers, counters.rejected, counters.connections)
    response = await whole(asked, render(await asked.site.state.standing(), datetime.now(UTC), http))
    response.headers["Content-Type"] = MEDIA
    return response


ROUTES: Final[Sequence[Route]] = (
    Route(
        path="/metrics",
        answer=metrics,
        summary="Metrics in the text format of Prometheus",
        scope=Scope.METRICS,
        forms=(Representation(media=TEXT),),
        versioned=False,
    ),
)
