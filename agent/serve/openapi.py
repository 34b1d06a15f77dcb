"""The description of the API (OpenAPI 3.1), made from the table of routes."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from agent import __version__
from agent.serve.problems import MEDIA
from agent.serve.route import JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.serve.route import Parameter, Route

EVERYWHERE: Final = (400, 405, 406, 413, 415, 421, 429, 500, 503)
"""What any request may be answered with."""
SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "`gateproof token create`"},
    "user": {"type": "http", "scheme": "basic", "description": "`basic_auth_users` of web.config.file"},
}
ANY: Final = "*/*"


def description(routes: Iterable[Route], schemas: Mapping[str, Any], *, guarded: bool) -> dict[str, Any]:
    """The whole document; ``guarded`` where a credential is wanted here."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gateproof",
            "version": __version__,
            "description": "What passes this gateway and what does not. It can be read, and nothing can be changed.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            one.path: {
                "get": _operation(one, "get", guarded=guarded),
                "head": _operation(one, "head", guarded=guarded),
            }
            for one in routes
        },
        "components": {
            "schemas": dict(schemas),
            "securitySchemes": SCHEMES,
            "responses": {"problem": {"description": "A problem (RFC 9457)", "content": _content(MEDIA, "ProblemOut")}},
        },
    }


def _operation(route: Route, method: str, *, guarded: bool) -> dict[str, Any]:
    words = "".join(word.strip("{}").title() for word in route.path.replace(".", "/").split("/")) or "Index"
    good: dict[str, Any] = {"description": route.summary}
    if method == "get":
        good["content"] = _contents(route)
    if route.versioned:
        good["headers"] = {"ETag": {"description": "Strong.", "schema": {"type": "string"}}}
    answers: dict[str, Any] = {"200": good}
    if route.versioned:
        answers["304"] = {"description": "The client has it already."}
    problems = {*EVERYWHERE, *route.problems, *((401, 403) if route.scope is not None else ())}
    for status in sorted(problems):
        answers[str(status)] = _problem(route, status, method)
    found: dict[str, Any] = {
        "operationId": method + words,
        "summary": route.summary,
        "parameters": [
            *(_parameter(one, "path") for one in route.parts),
            *(_parameter(one, "query") for one in route.query),
        ],
        "responses": answers,
    }
    if route.versioned:
        found["parameters"].append(
            {
                "name": "If-None-Match",
                "in": "header",
                "description": "An ETag of before.",
                "schema": {"type": "string"},
            }
        )
    if route.scope is not None:
        found["description"] = f"Scope `{route.scope}`, or `read`."
        if guarded:
            found["security"] = [{name: []} for name in SCHEMES]
    return found


def _contents(route: Route) -> dict[str, Any]:
    medias = dict.fromkeys(one.media for one in route.forms)
    return {media: _content(media, route.schema.get(media))[media] for media in medias}


def _content(media: str, name: str | None) -> dict[str, Any]:
    return {media: {"schema": {"$ref": f"#/components/schemas/{name}"}} if name is not None else {}}


def _problem(route: Route, status: int, method: str) -> dict[str, Any]:
    if method == "head":
        return {"description": HTTPStatus(status).phrase}
    if status == HTTPStatus.SERVICE_UNAVAILABLE and status in route.problems:  # not ready is no fault of the request
        content = _content(JSON, route.schema[JSON]) | _content(MEDIA, "ProblemOut")
        return {"description": HTTPStatus(status).phrase, "content": content}
    return {"$ref": "#/components/responses/problem"}


def _parameter(one: Parameter, where: str) -> dict[str, Any]:
    schema = {"type": "array", "items": dict(one.schema)} if one.many else dict(one.schema)
    found = {"name": one.name, "in": where, "description": one.text, "required": where == "path", "schema": schema}
    if one.many:
        found |= {"style": "form", "explode": True}
    return found
