"""``gateproof policy``: the packs that there are, one of them, or whether they are right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from agent.cli.files import STANDARD, write
from agent.cli.settings import found_packs, settings_of
from agent.outputs.text.policy import pack_list, pack_page
from agent.outputs.text.words import count
from agent.packs import read_pack, select
from agent.strict import read_bytes

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """List, show or check; raises ConfigError for a pack that is wrong."""
    {"list": _list, "show": _show, "check": _check}[arguments.action](arguments)
    return 0


def _list(arguments: argparse.Namespace) -> None:
    found = found_packs(settings_of(arguments))
    if arguments.format == "json":
        rows = [
            {
                "name": one.pack.name,
                "title": one.pack.title,
                "version": one.pack.version,
                "checked": one.pack.checked.isoformat(),
                "domains": len(one.pack.domains),
                "where": one.where,
                "replaces": one.replaces or None,
            }
            for one in found
        ]
        write(orjson.dumps(rows) + b"\n", arguments.output)
    else:
        write(pack_list(found), arguments.output)


def _show(arguments: argparse.Namespace) -> None:
    found = found_packs(settings_of(arguments))
    (pack,) = select(found, [arguments.name])
    if arguments.format == "json":
        write(orjson.dumps(pack) + b"\n", arguments.output)
    else:
        (place,) = (one for one in found if one.pack is pack)
        write(pack_page(place), arguments.output)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.files:
        lines = [(file, read_pack(read_bytes(Path(file)), file)) for file in arguments.files]
    else:
        lines = [(one.where, one.pack) for one in found_packs(settings_of(arguments))]
    for where, pack in lines:
        write(f"{where}: pack {pack.name} is right ({count(len(pack.domains), 'domain')})\n".encode(), STANDARD)
