"""One request, from its checks to its answer."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from agent.errors import StateError
from agent.serve import documents, events, findings, health
from agent.serve.answers import headers_of
from agent.serve.negotiation import has_already
from agent.serve.problems import MEDIA, Problem
from agent.serve.route import Asked
from agent.serve.routing import ALLOW, METHODS, Table

if TYPE_CHECKING:
    from agent.serve.site import Site

LOG: Final = logging.getLogger("gateproof")
NO_ROUTE: Final = "none"
"""What requests that no route answers are counted as."""
TABLE: Final = Table((*findings.ROUTES, *events.ROUTES, *documents.ROUTES, *health.ROUTES))


class Application:
    """Answers requests; whatever goes wrong becomes a problem document."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Give the answer to a request."""
        route = NO_ROUTE
        try:
            found, _, _ = TABLE.found(request.raw_path)
            route = found.path
            response = await self._answer(request)
        except Problem as problem:
            response = refusal(problem, request)
        except StateError as error:
            LOG.debug("%s", error)
            response = refusal(
                Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "no-state",
                    "the store cannot be read now; /readyz says why",
                    headers={"Retry-After": "10"},
                ),
                request,
            )
        except ConnectionError:
            self._site.counters.rejected["slow"] += 1
            raise
        except Exception:  # the top of a request: tell everything, and go on
            LOG.exception("a fault of gateproof itself, in the answer to %s", route)
            response = refusal(fault(), request)
        self._site.counters.answers[route, response.status] += 1
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in METHODS:
            raise Problem(
                HTTPStatus.METHOD_NOT_ALLOWED, "method", "this can only be read, with GET or HEAD", headers=ALLOW
            )
        if request.can_read_body:
            _refuse_body(request)
        headers = request.headers
        resolved = TABLE.resolved(request.raw_path, headers.get("Accept"), headers.get("Accept-Encoding"))
        asked = Asked(request, self._site, resolved)
        if resolved.route.versioned:
            known = headers.get("If-None-Match")
            if known is not None:
                version = self._site.state.version()
                if has_already(known, asked.tag(version)):
                    return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers_of(asked, version))
        return await resolved.route.answer(asked)


def _refuse_body(request: web.BaseRequest) -> None:
    """Nothing that comes with a body is taken; raises Problem."""
    if "Content-Type" in request.headers or "Content-Encoding" in request.headers:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "body", "no request may have a body, of whatever type")
    raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body", "no request may have a body")


def fault() -> Problem:
    """Something is wrong with gateproof itself; what it is stands in the log alone."""
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "fault", "a fault of gateproof itself; its log has it")


def refusal(problem: Problem, request: web.BaseRequest) -> web.Response:
    """The answer that a problem makes."""
    headers = {"Content-Type": MEDIA, "Cache-Control": "no-store", **problem.headers}
    path = request.raw_path.partition("?")[0]
    response = web.Response(status=problem.status, body=problem.document(path), headers=headers)
    if request.can_read_body:
        response.force_close()
    return response
