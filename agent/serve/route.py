"""What a route is: one table makes the answers, the checks before them, and the description in OpenAPI."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    from agent.serve.peer import Peer
    from agent.serve.site import Site
    from agent.store.reading import Version

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
GZIPPED: Final = "+gzip"
"""Ends the ETag of what is compressed."""


class Scope(StrEnum):
    """What a credential may read."""

    FINDINGS = "findings"
    METRICS = "metrics"
    READ = "read"
    """All of it."""


@record(kw_only=True)
class Parameter:
    """A parameter of a query or a path."""

    name: str
    text: str
    schema: Mapping[str, Any]
    """Of one value, in JSON Schema."""
    read: Callable[[str], Any]
    """Raises ValueError with what a value must be."""
    many: bool = False
    """Whether there may be several, separated by commas or repeated."""


@record(kw_only=True)
class Representation:
    """One form of an answer."""

    media: str
    format: str = ""
    """What ``?format=`` calls it."""


@record(kw_only=True)
class Route:
    """One thing that can be asked for."""

    path: str
    """With parts like ``{uid}``."""
    answer: Callable[[Asked], Awaitable[web.StreamResponse]]
    summary: str
    scope: Scope | None
    """None for what holds no data: it is open to all who can connect."""
    query: tuple[Parameter, ...] = ()
    parts: tuple[Parameter, ...] = ()
    forms: tuple[Representation, ...] = (Representation(media=JSON),)
    """The first is what a client gets that does not care."""
    schema: Mapping[str, str] = field(default_factory=dict)
    """Media type to the name of its schema."""
    problems: tuple[int, ...] = ()
    """Besides those that every route has."""
    versioned: bool = True
    """Whether the answer changes with the version of the state and by nothing else, so that it has an ETag."""


@record
class Resolved:
    """A target, and what is accepted, understood; the same for all requests that say the same."""

    route: Route
    parts: Mapping[str, str]
    query: Mapping[str, Any]
    form: Representation
    gzip: bool
    suffix: str
    """Of the ETag: it differs wherever the bytes may."""


@dataclass(slots=True)
class Asked:
    """One request on its way."""

    request: web.BaseRequest
    site: Site
    resolved: Resolved
    peer: Peer
    headers: dict[str, str] = field(default_factory=dict)
    """That the answer has in any case."""

    def tag(self, version: Version) -> str:
        """The strong ETag of this answer from that state."""
        return f'"{version.epoch}-{version.revision}-{self.resolved.suffix}"'
