"""From a request's target and headers to the route that answers, with its parameters understood."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from agent.serve.negotiation import best, takes_gzip
from agent.serve.problems import Problem
from agent.serve.route import GZIPPED, Parameter, Representation, Resolved, Route
from agent.strict import suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

METHODS: Final = ("GET", "HEAD")
ALLOW: Final = {"Allow": ", ".join(METHODS)}
REMEMBERED: Final = 256
"""Targets that are understood once; pollers ask for the same again and again."""
ANY: Final = "*/*"
"""The media of a route whose answers have each their own."""
VALUES: Final = 64
"""Parameters of one query."""


class Table:
    """All routes."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._exact = {one.path: one for one in self.routes if "{" not in one.path}
        self._patterns = [(one, one.path.split("/")) for one in self.routes if "{" in one.path]
        self.found = lru_cache(REMEMBERED)(self._found)
        """The route of a target, the values of its path's parts, and its query. Raises Problem: 400, 404."""
        self.resolved = lru_cache(REMEMBERED)(self._resolved)
        """What the headers Accept and Accept-Encoding ask of a target. Raises Problem: 400, 404, 406."""

    def _found(self, target: str) -> tuple[Route, Mapping[str, str], str]:
        try:
            split = urlsplit(target if target.startswith("/") else f"/{target}" if "://" not in target else target)
        except ValueError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, "target", "the target is no URL") from error
        path = f"//{split.netloc}{split.path}" if target.startswith("//") else split.path
        if route := self._exact.get(path):
            return route, {}, split.query
        words = path.split("/")
        for route, pattern in self._patterns:
            if len(words) == len(pattern) and all(
                one == word or (one.startswith("{") and word) for one, word in zip(pattern, words, strict=True)
            ):
                found = {
                    one[1:-1]: unquote(word) for one, word in zip(pattern, words, strict=True) if one.startswith("{")
                }
                return route, found, split.query
        raise Problem(HTTPStatus.NOT_FOUND, "no-route", "there is nothing here; /openapi.json says what there is")

    def _resolved(self, target: str, accept: str | None, encoding: str | None) -> Resolved:
        route, written, text = self._found(target)
        parts = {one.name: _read(one, written[one.name], HTTPStatus.NOT_FOUND) for one in route.parts}
        query = _query(route.query, text)
        wanted = query.get("format")
        form = _named(route.forms, wanted) if wanted else _accepted(route.forms, accept)
        gzip = takes_gzip(encoding)
        said = orjson.dumps([route.path, parts, query, form.media], default=sorted, option=orjson.OPT_SORT_KEYS)
        suffix = blake2b(said, digest_size=8).hexdigest() + (GZIPPED if gzip else "")
        return Resolved(route, parts, query, form, gzip, suffix)


def _query(known: Sequence[Parameter], text: str) -> dict[str, Any]:
    """The parameters of a query; raises Problem."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=VALUES)
    except ValueError as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "query", f"the query cannot be read; it may have {VALUES} parameters in UTF-8"
        ) from error
    by_name = {one.name: one for one in known}
    found: dict[str, Any] = {}
    for name, value in pairs:
        if (one := by_name.get(name)) is None:
            word = name[:40]
            raise Problem(HTTPStatus.BAD_REQUEST, "query", f"unknown parameter `{word}`{suggest(word, by_name)}")
        if one.many:
            found[name] = found.get(name, frozenset()) | {_read(one, item) for item in value.split(",")}
        elif name in found:
            raise Problem(HTTPStatus.BAD_REQUEST, "query", f"`{name}` is given twice")
        else:
            found[name] = _read(one, value)
    return found


def _read(one: Parameter, value: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Any:
    try:
        return one.read(value)
    except ValueError as error:
        kind = "query" if status is HTTPStatus.BAD_REQUEST else "unknown"
        raise Problem(status, kind, f"`{one.name}` {error}") from error


def _named(forms: Sequence[Representation], name: str) -> Representation:
    return next(one for one in forms if one.format == name)


def _accepted(forms: Sequence[Representation], accept: str | None) -> Representation:
    """The form that is liked best; raises Problem."""
    if forms[0].media == ANY:
        return forms[0]
    offered = tuple(dict.fromkeys(one.media for one in forms))
    media = best(accept, offered)
    if media is None:
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "not-acceptable", f"there is only {', '.join(offered)}")
    return next(one for one in forms if one.media == media)
