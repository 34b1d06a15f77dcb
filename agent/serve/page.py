"""The page for people, ``/``: static files without any data, which the page itself asks for."""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Final

from aiohttp import web

from agent.model.record import record
from agent.serve.answers import SMALL, packed
from agent.serve.negotiation import has_already
from agent.serve.problems import Problem
from agent.serve.route import GZIPPED, Asked, Parameter, Representation, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = "page"
INDEX: Final = "index.html"
TEXT: Final = frozenset({".html", ".js", ".css", ".svg"})
MEDIA: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Frame-Options": "DENY",
}
NAME: Final = r"^[A-Za-z0-9_-]+\.[a-z0-9]+$"


@record
class File:
    """One file, as it is and compressed."""

    body: bytes
    gzip: bytes | None
    media: str
    tag: str


@cache
def files() -> Mapping[str, File]:
    """All files of the page by name; they are part of the program, and change with it alone."""
    folder = resources.files(__package__) / FOLDER
    found = {}
    for one in sorted(folder.iterdir(), key=lambda one: one.name) if folder.is_dir() else ():
        suffix = one.name[one.name.rfind(".") :]
        if suffix in MEDIA:
            body = one.read_bytes()
            small = packed(body) if suffix in TEXT and len(body) > SMALL else None
            found[one.name] = File(body, small, MEDIA[suffix], blake2b(body, digest_size=16).hexdigest())
    return found


async def index(asked: Asked) -> web.StreamResponse:
    """Give the page."""
    return _file(asked, INDEX)


async def part(asked: Asked) -> web.StreamResponse:
    """Give what the page is made of."""
    return _file(asked, asked.resolved.parts["name"])


def _file(asked: Asked, name: str) -> web.StreamResponse:
    one = files().get(name)
    if one is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no-file", "the page has no such file")
    small = one.gzip if asked.resolved.gzip else None
    tag = f'"{one.tag}{GZIPPED if small is not None else ""}"'
    headers = {**asked.site.setup.now.headers, **HEADERS, "Content-Type": one.media, "ETag": tag}
    known = asked.request.headers.get("If-None-Match")
    if known is not None and has_already(known, tag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    if small is not None:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=small or one.body, headers=headers)


def _name(value: str) -> str:
    if not re.fullmatch(NAME, value):
        raise ValueError("is no file of the page")
    return value


ANY: Final = (Representation(media="*/*"),)
ROUTES: Final = (
    Route(
        path="/", answer=index, summary="The page for people", scope=None, forms=ANY, problems=(404,), versioned=False
    ),
    Route(
        path="/page/{name}",
        answer=part,
        summary="What the page is made of",
        scope=None,
        forms=ANY,
        parts=(Parameter(name="name", text="Of the file.", schema={"type": "string", "pattern": NAME}, read=_name),),
        problems=(404,),
        versioned=False,
    ),
)
