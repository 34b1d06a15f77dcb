"""``gateproof token``: make, revoke and list the tokens that let programs read over HTTP."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from agent.cli.files import STANDARD, write
from agent.cli.settings import settings_of
from agent.daemon import Plan, state_folder
from agent.serve import tokens
from agent.serve.route import Scope

if TYPE_CHECKING:
    import argparse

    from agent.serve.tokens import Token


def run(arguments: argparse.Namespace) -> int:
    """Do one of the three."""
    given = Path(arguments.state_dir) if arguments.state_dir else None
    folder = state_folder(given, Plan(settings_of(arguments), ()))
    now = datetime.now(UTC)
    match arguments.action:
        case "create":
            scopes = tuple(Scope(one) for one in arguments.scope)
            text = tokens.create(folder, arguments.name, scopes, now, arguments.expires)
            write(text.encode() + b"\n", STANDARD)
            sys.stderr.write("gateproof: keep it well: it is shown this once\n")
        case "revoke":
            gone = tokens.revoke(folder, arguments.token)
            write(f"{gone.id} ({gone.name}) counts no more\n".encode(), STANDARD)
        case _:
            known = tokens.load(folder)
            found = known.tokens if known is not None else ()
            write(_json(found) if arguments.format == "json" else _text(found, now), STANDARD)
    return 0


def _json(found: tuple[Token, ...]) -> bytes:
    told = [
        {"id": one.id, "name": one.name, "scopes": one.scopes, "created": one.created, "expires": one.expires}
        for one in found
    ]
    return orjson.dumps(told, option=orjson.OPT_UTC_Z) + b"\n"


def _text(found: tuple[Token, ...], now: datetime) -> bytes:
    rows = [("id", "name", "scopes", "expires")]
    for one in found:
        until = f"{one.expires:%Y-%m-%dT%H:%M:%SZ}" if one.expires else "never"
        rows.append((one.id, one.name, ",".join(one.scopes), until + (" (expired)" if one.expired(now) else "")))
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return ("\n".join(lines) + "\n").encode()
