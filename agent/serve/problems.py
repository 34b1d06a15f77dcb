"""What went wrong with a request, as problem documents (RFC 9457)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http import HTTPStatus

MEDIA: Final = "application/problem+json"
TYPE: Final = "urn:gateproof:problem:"


@record(kw_only=True)
class ProblemOut:
    """A problem document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    """The path that was asked for."""


class Problem(Exception):  # noqa: N818 - RFC 9457's word for it
    """A request that gets no answer: its status, what to do about it, and headers that say more."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def document(self, path: str) -> bytes:
        """The document for a request of this path; nothing in it comes from inside."""
        told = ProblemOut(
            type=TYPE + self.kind,
            title=self.status.phrase,
            status=self.status.value,
            detail=self.detail,
            instance=path[:LONGEST],
        )
        return orjson.dumps({**{name: getattr(told, name) for name in NAMES}, **self.more}) + b"\n"


NAMES: Final = ("type", "title", "status", "detail", "instance")
LONGEST: Final = 200
"""Characters of the path that are repeated."""
