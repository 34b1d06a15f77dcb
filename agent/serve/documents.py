"""What the last audit says besides its findings, and how things stood before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson

from agent.packs import domain_pattern
from agent.serve import parameters
from agent.serve.answers import whole
from agent.serve.problems import Problem
from agent.serve.route import JSON, Asked, Parameter, Route, Scope

if TYPE_CHECKING:
    from aiohttp import web

    from agent.store import Reader
    from agent.store.reading import Version

VERDICTS: Final = "gateproof.verdicts/1"
PACKS: Final = "gateproof.packs/1"
SUPPRESSIONS: Final = "gateproof.suppressions/1"
HISTORY: Final = "gateproof.history/1"
SCANS: Final = "gateproof.scans/1"
EMPTY: Final = b"[]"
SHOWN: Final = 200
"""Domains that are named where one is not known."""
DAY: Final = timedelta(days=1)


async def _told(asked: Asked, told: dict[str, Any], version: Version | None = None) -> web.StreamResponse:
    return await whole(asked, orjson.dumps(told, option=orjson.OPT_UTC_Z) + b"\n", version)


async def verdicts(asked: Asked) -> web.StreamResponse:
    """Give what becomes of each required domain, summed up and by road."""
    version = asked.site.state.version()
    standing = await asked.site.state.standing()
    body = await asked.site.state.read(lambda reader: reader.document("verdicts"))
    told = {
        "schema": VERDICTS,
        "at": standing.at,
        "cells": standing.cells,
        "verdicts": orjson.Fragment(body or EMPTY),
    }
    return await _told(asked, told, version)


async def packs(asked: Asked) -> web.StreamResponse:
    """Give the packs of the last audit."""
    body, version = await asked.site.state.read(lambda reader: (reader.document("policy"), reader.version()))
    return await _told(asked, {"schema": PACKS, "packs": orjson.Fragment(body or EMPTY)}, version)


async def explain(asked: Asked) -> web.StreamResponse:
    """Give the roads of one required domain, hop by hop."""
    pattern = asked.resolved.parts["pattern"]
    zones, version = await asked.site.state.read(lambda reader: (reader.explanations(pattern), reader.version()))
    if not zones:
        known = await asked.site.state.read(_domains)
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "no-domain",
            "no pack that was audited has this pattern; `domains` are those that there are",
            more={"domains": known[:SHOWN]},
        )
    return await _told(asked, {"domain": pattern, "zones": [orjson.Fragment(one) for one in zones]}, version)


def _domains(reader: Reader) -> list[str]:
    body = reader.document("policy")
    return sorted({domain for pack in orjson.loads(body or EMPTY) for domain in pack["domains"]})


async def suppressions(asked: Asked) -> web.StreamResponse:
    """Give the decisions to live with findings for a while."""
    standing = await asked.site.state.standing()
    return await _told(asked, {"schema": SUPPRESSIONS, "suppressions": standing.suppressions})


async def standing(asked: Asked) -> web.StreamResponse:
    """Give how things stand, in numbers."""
    return await whole(asked, orjson.dumps(await asked.site.state.standing(), option=orjson.OPT_UTC_Z) + b"\n")


async def history(asked: Asked) -> web.StreamResponse:
    """Give what verdicts stood, and what traffic had shown at each audit, since a time."""
    since = asked.resolved.query.get("since") or datetime.now(UTC) - DAY
    rows, tallies = await asked.site.state.read(lambda reader: (reader.history(since), reader.tallies(since)))
    return await _told(asked, {"schema": HISTORY, "since": since, "verdicts": rows, "tallies": tallies})


async def scans(asked: Asked) -> web.StreamResponse:
    """Give the last audits, newest first."""
    limit = asked.resolved.query.get("limit", 50)
    rows, version = await asked.site.state.read(lambda reader: (reader.scans(limit), reader.version()))
    return await _told(asked, {"schema": SCANS, "scans": rows}, version)


def _pattern(value: str) -> str:
    try:
        return domain_pattern(value)
    except ValueError as error:
        raise ValueError("is no domain, nor a pattern like *.example.com") from error


PATTERN: Final = Parameter(
    name="pattern", text="As the pack has it.", schema={"type": "string", "maxLength": 255}, read=_pattern
)
ROUTES: Final = (
    Route(
        path="/v1/verdicts",
        answer=verdicts,
        summary="What becomes of each required domain",
        scope=Scope.FINDINGS,
        schema={JSON: "VerdictsOut"},
    ),
    Route(
        path="/v1/domains/{pattern}/explain",
        answer=explain,
        summary="The roads of one required domain, hop by hop, with the rules that decide",
        scope=Scope.FINDINGS,
        parts=(PATTERN,),
        schema={JSON: "ExplainOut"},
        problems=(404,),
    ),
    Route(
        path="/v1/packs",
        answer=packs,
        summary="The packs of the last audit",
        scope=Scope.FINDINGS,
        schema={JSON: "PacksOut"},
    ),
    Route(
        path="/v1/suppressions",
        answer=suppressions,
        summary="The decisions to live with findings for a while",
        scope=Scope.FINDINGS,
        schema={JSON: "SuppressionsOut"},
        versioned=False,
    ),
    Route(
        path="/v1/standing",
        answer=standing,
        summary="How things stand, in numbers",
        scope=Scope.FINDINGS,
        schema={JSON: "Standing"},
        versioned=False,
    ),
    Route(
        path="/v1/history",
        answer=history,
        summary="What verdicts stood, and what traffic had shown at each audit",
        scope=Scope.FINDINGS,
        query=(parameters.time("since", "Default: a day ago."),),
        schema={JSON: "HistoryOut"},
        versioned=False,
    ),
    Route(
        path="/v1/scans",
        answer=scans,
        summary="The last audits, newest first",
        scope=Scope.FINDINGS,
        query=(parameters.number("limit", 1, 1000, 50, "Audits of the answer."),),
        schema={JSON: "ScansOut"},
    ),
)
