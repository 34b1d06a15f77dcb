"""``/v1/findings``: all that is open, in the form of the client's choice, and one finding alone."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import TypeAdapter

from agent.model.report import Finding
from agent.outputs import exporter
from agent.outputs.json_ import FINDINGS
from agent.serve import parameters
from agent.serve.answers import stream, whole
from agent.serve.problems import Problem
from agent.serve.route import JSON, LINES, Asked, Parameter, Representation, Route, Scope
from agent.store.reading import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from agent.store.reading import Version

SARIF: Final = "application/sarif+json"
FORMS: Final = (
    Representation(media=JSON, format="json"),
    Representation(media=LINES, format="jsonl"),
    Representation(media=LINES, format="ocsf"),
    Representation(media=LINES, format="ecs"),
    Representation(media=SARIF, format="sarif"),
)
ONE: Final = TypeAdapter(Finding)
BATCH: Final = 64 << 10
"""Bytes of an exported form that leave at once."""


async def findings(asked: Asked) -> web.StreamResponse:
    """Give the findings that are asked for, from one state of the store."""
    state = asked.site.state
    wanted = _filter(asked)
    if asked.request.method == "HEAD":
        return await stream(asked, iter(()), state.version())
    with asked.site.streams():
        host, before = await state.read(lambda reader: (reader.document("host"), reader.version()))
        opened = await state.snapshot(wanted)
        try:
            version, bodies = opened.version, opened.bodies
            if version != before:  # another audit came between
                host = await state.read(lambda reader: reader.document("host"))
            return await stream(asked, _chunks(asked.resolved.form.format, bodies, version, host or b"null"), version)
        finally:
            await state.run(opened.close)


def _chunks(form: str, bodies: Iterator[list[bytes]], version: Version, host: bytes) -> Iterator[bytes]:
    if form == "jsonl":
        return (b"\n".join((*some, b"")) for some in bodies)
    if form == "json":
        return _json(bodies, version, host)
    return _batches(exporter(form)(ONE.validate_json(body) for some in bodies for body in some))


def _json(bodies: Iterator[list[bytes]], version: Version, host: bytes) -> Iterator[bytes]:
    head = {"schema": FINDINGS, "host": orjson.Fragment(host), "epoch": version.epoch, "seq": version.seq}
    before = orjson.dumps(head)[:-1] + b',"findings":['
    for some in bodies:
        yield before + b",".join(some)
        before = b","
    yield b"]}\n" if before == b"," else before + b"]}\n"


def _batches(pieces: Iterator[bytes]) -> Iterator[bytes]:
    batch = bytearray()
    for piece in pieces:
        batch += piece
        if len(batch) >= BATCH:
            yield bytes(batch)
            batch.clear()
    if batch:
        yield bytes(batch)


def _filter(asked: Asked) -> Filter:
    query = asked.resolved.query
    status = query.get("status", Filter().status)
    return Filter(
        status=frozenset(parameters.STATUSES) if parameters.EVERY_STATUS in status else status,
        severity=query.get("severity", frozenset()),
        source=query.get("source", frozenset()),
        pack=query.get("pack", frozenset()),
    )


async def finding(asked: Asked) -> web.StreamResponse:
    """Give one finding, whatever its status."""
    uid = asked.resolved.parts["uid"]
    body, version = await asked.site.state.read(lambda reader: (reader.finding(uid), reader.version()))
    if body is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no-finding", "no finding has this uid; resolved ones are kept for a while")
    return await whole(asked, body + b"\n", version)


UID: Final = Parameter(
    name="uid",
    text="Of the finding.",
    schema={"type": "string", "pattern": parameters.UID},
    read=parameters.READ_UID,
)
ROUTES: Final = (
    Route(
        path="/v1/findings",
        answer=findings,
        summary="All findings that are open or suppressed",
        scope=Scope.FINDINGS,
        query=(
            parameters.of_form([one.format for one in FORMS]),
            parameters.STATUS,
            parameters.SEVERITY,
            parameters.SOURCE,
            parameters.PACK_NAME,
        ),
        forms=FORMS,
        schema={JSON: "FindingsOut"},
    ),
    Route(
        path="/v1/findings/{uid}",
        answer=finding,
        summary="One finding, whatever its status",
        scope=Scope.FINDINGS,
        parts=(UID,),
        schema={JSON: "Finding"},
        problems=(404,),
    ),
)
