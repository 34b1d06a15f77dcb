"""``/openapi.json`` and ``/v1/schema``: what the answers look like; they hold no data."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import orjson

from agent.serve import parameters
from agent.serve.answers import whole
from agent.serve.openapi import description
from agent.serve.route import Asked, Representation, Route
from agent.serve.schemas import READ, WRITTEN, schema
from agent.serve.shapes import components

if TYPE_CHECKING:
    from aiohttp import web

SCHEMA: Final = "application/schema+json"
USUAL: Final = "finding"


async def openapi(asked: Asked) -> web.StreamResponse:
    """Give the description of all routes."""
    return await whole(asked, _openapi(guarded=not asked.site.setup.now.access.open))


async def schemas(asked: Asked) -> web.StreamResponse:
    """Give one JSON Schema."""
    return await whole(asked, _schema(asked.resolved.query.get("of", USUAL)))


@cache
def _openapi(*, guarded: bool) -> bytes:
    from agent.serve.routes import TABLE  # noqa: PLC0415 - the table has this route too

    return orjson.dumps(description(TABLE.routes, components(), guarded=guarded)) + b"\n"


@cache
def _schema(what: str) -> bytes:
    return orjson.dumps(schema(what)) + b"\n"


ROUTES: Final = (
    Route(
        path="/openapi.json",
        answer=openapi,
        summary="The description of this API (OpenAPI 3.1)",
        scope=None,
        versioned=False,
    ),
    Route(
        path="/v1/schema",
        answer=schemas,
        summary="A JSON Schema of what gateproof writes or reads",
        scope=None,
        query=(parameters.choice("of", (*WRITTEN, *READ), f"Default: {USUAL}."),),
        forms=(Representation(media=SCHEMA), Representation(media="application/json")),
        versioned=False,
    ),
)
