"""One request, from its checks to its answer."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from aiohttp import web

from agent.errors import StateError
from agent.serve.access import forbidden
from agent.serve.answers import headers_of
from agent.serve.negotiation import has_already
from agent.serve.problems import MEDIA, Problem
from agent.serve.route import Asked
from agent.serve.routes import TABLE
from agent.serve.routing import ALLOW, METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.serve.connection import Connection
    from agent.serve.peer import Peer
    from agent.serve.route import Route
    from agent.serve.site import Site

LOG: Final = logging.getLogger("gateproof")
NO_ROUTE: Final = "none"
"""What requests that no route answers are counted as."""
SPOKEN: Final = ((1, 1), (1, 0))
CLOSING: Final = frozenset({HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})
"""After which nobody knows what comes next."""
ONCE: Final = ("Host", "Authorization", "If-None-Match", "Accept", "Accept-Encoding")
"""Headers that would mean two things if there were two of them; lists may be split, but nobody does."""


class Application:
    """Answers requests; whatever goes wrong becomes a problem document."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Give the answer to a request."""
        name = NO_ROUTE
        try:
            route, _, _ = TABLE.found(request.raw_path)
            name = route.path
            response = await self._answer(request, route)
        except Problem as problem:
            response = refusal(problem, request, self._site.setup.now.headers)
        except StateError as error:
            LOG.debug("%s", error)
            response = refusal(_no_state(), request, self._site.setup.now.headers)
        except ConnectionError:
            self._site.counters.rejected["slow"] += 1
            raise
        except Exception:  # the top of a request: tell everything, and go on
            LOG.exception("a fault of gateproof itself, in the answer to %s", name)
            response = refusal(fault(), request, self._site.setup.now.headers)
        self._site.counters.answers[name, response.status] += 1
        return response

    async def _answer(self, request: web.BaseRequest, route: Route) -> web.StreamResponse:
        setup, headers = self._site.setup.now, request.headers
        peer = cast("Connection", request.protocol).peer
        if setup.rate is not None and not peer.local:
            setup.rate.check(peer.client)
        _check_headers(request)
        setup.access.check_host(peer, _host(request))
        if request.method not in METHODS:
            raise Problem(
                HTTPStatus.METHOD_NOT_ALLOWED, "method", "this can only be read, with GET or HEAD", headers=ALLOW
            )
        if request.can_read_body:
            raise _no_body(request)
        if route.scope is not None:
            await self._check_scope(peer, headers.get("Authorization"), route)
        resolved = TABLE.resolved(request.raw_path, headers.get("Accept"), headers.get("Accept-Encoding"))
        asked = Asked(request, self._site, resolved, peer)
        known = headers.get("If-None-Match")
        if known is not None and route.versioned:
            version = self._site.state.version()
            if has_already(known, asked.tag(version)):
                return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers_of(asked, version))
        return await route.answer(asked)

    async def _check_scope(self, peer: Peer, authorization: str | None, route: Route) -> None:
        access = self._site.setup.now.access
        granted = await access.scopes(peer, authorization)
        if not granted:
            raise access.unknown()
        if route.scope is not None and route.scope not in granted:
            raise forbidden(route.scope)


def _check_headers(request: web.BaseRequest) -> None:
    """Raises Problem where what a request says may be read in two ways (RFC 9112, section 3.2)."""
    headers = request.headers
    if len(headers) != len(set(headers)):
        for name in ONCE:
            if len(headers.getall(name, ())) > 1:
                raise Problem(HTTPStatus.BAD_REQUEST, "headers", f"the header {name} is given twice")
    if request.version not in SPOKEN:
        raise Problem(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "version", "only HTTP/1.1 and 1.0 are spoken")
    if request.version == SPOKEN[0] and "Host" not in headers:
        raise Problem(HTTPStatus.BAD_REQUEST, "headers", "the header Host is missing")


def _host(request: web.BaseRequest) -> str | None:
    """The host that is meant: that of the target comes first (RFC 9112, section 3.2.2)."""
    scheme, inside, rest = request.raw_path.partition("://")
    return rest.partition("/")[0] if inside and scheme.isalpha() else request.headers.get("Host")


def _no_body(request: web.BaseRequest) -> Problem:
    """Nothing that comes with a body is taken."""
    if "Content-Type" in request.headers or "Content-Encoding" in request.headers:
        return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "body", "no request may have a body, of whatever type")
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body", "no request may have a body")


def _no_state() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "no-state",
        "the store cannot be read now; /readyz says why",
        headers={"Retry-After": "10"},
    )


def fault() -> Problem:
    """Something is wrong with gateproof itself; what it is stands in the log alone."""
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "fault", "a fault of gateproof itself; its log has it")


def refusal(problem: Problem, request: web.BaseRequest, headers: Mapping[str, str]) -> web.Response:
    """The answer that a problem makes."""
    told = {**headers, "Content-Type": MEDIA, "Cache-Control": "no-store", **problem.headers}
    path = request.raw_path.partition("?")[0]
    response = web.Response(status=problem.status, body=problem.document(path), headers=told)
    if request.can_read_body or request.method not in METHODS or problem.status in CLOSING:
        response.force_close()
    return response
