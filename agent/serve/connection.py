"""One connection: a client that is slow, too loud or no HTTP client is told so, or dropped."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from agent.serve.application import NO_ROUTE, fault, refusal
from agent.serve.certificates import certificate_of
from agent.serve.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.serve.limits import Ceilings
    from agent.serve.site import Site
    from agent.serve.waiting import Guest

LOG: Final = logging.getLogger("gateproof")
MANY: Final = "Too many headers"
"""What aiohttp says of them."""
LINGER: Final = 1.0
"""Seconds that a body is read and thrown away, so that its sender sees why it was refused."""


class Connection(web.RequestHandler):
    """aiohttp's protocol with a deadline for whatever the client has to do next."""

    __slots__ = ("_answered", "_begun", "_ceilings", "_given_back", "_site", "deadline", "peer")

    def __init__(
        self,
        server: web.Server,
        site: Site,
        ceilings: Ceilings,
        guest: Guest,
        given_back: Callable[[Connection], None],
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=ceilings.idle,
            tcp_keepalive=not guest.peer.local,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's way to say: none
            max_line_size=ceilings.target,
            max_field_size=ceilings.header_line,
            max_headers=ceilings.headers,
            lingering_time=LINGER,
            auto_decompress=False,
        )
        self._site = site
        self._ceilings = ceilings
        self._given_back = given_back
        self._answered = 0
        self._begun = bytes(guest.data)
        """What has come before the connection was handed over."""
        self.peer = guest.peer
        self.deadline: float | None = None
        """When it is dropped; None while it may wait for as long as it is kept alive."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the first head has to come soon."""
        self.deadline = self._loop.time() + self._ceilings.header
        if shown := certificate_of(transport.get_extra_info("peercert")):
            self.peer = replace(self.peer, certificate=shown)
        super().connection_made(transport)
        if self._begun:
            self.data_received(self._begun)
            self._begun = b""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it no more."""
        self._given_back(self)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp never stays, asyncio lets it
        """Stay for the answer where the client has said all that it wants to say; TLS has no such half."""
        if self._request_count == self._answered or self._site.setup.now.tls is not None:
            return False
        self.close()
        return True

    def data_received(self, data: bytes) -> None:
        """Give the client a while for the head of its next request, from its first byte on."""
        super().data_received(data)
        if self._messages or self._request_in_progress:
            self.deadline = self._loop.time() + self._ceilings.response
        elif self.deadline is None:
            self.deadline = self._loop.time() + self._ceilings.header

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the answer; the next request may come when it likes."""
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._answered += 1
            self.deadline = None if not self._messages else self._loop.time() + self._ceilings.response

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Tell what is wrong with a request that could not be read, and close."""
        del message  # it repeats what the client sent
        if request.writer.output_size > 0:
            raise ConnectionError("half an answer is sent already")
        if isinstance(exc, LineTooLong) or (isinstance(exc, BadHttpMessage) and MANY in exc.message):
            problem = self._too_long(exc)
        elif status < HTTPStatus.INTERNAL_SERVER_ERROR:
            problem = Problem(HTTPStatus.BAD_REQUEST, "http", "this is no HTTP request that can be read")
        else:
            LOG.error("a fault of gateproof itself", exc_info=exc)
            problem = fault()
        response = refusal(problem, request, self._site.setup.now.headers)
        response.force_close()
        self._site.counters.answers[NO_ROUTE, response.status] += 1
        return response

    def _too_long(self, error: BadHttpMessage) -> Problem:
        most = self._ceilings
        if str(most.target) in map(str, error.args[1:]):
            return Problem(HTTPStatus.REQUEST_URI_TOO_LONG, "too-long", f"a target may have {most.target} bytes")
        return Problem(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too-long",
            f"there may be {most.headers} headers, each of {most.header_line} bytes",
        )
