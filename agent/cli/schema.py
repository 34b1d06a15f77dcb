"""``gateproof schema``: JSON Schema 2020-12 of what is written and read: reports, packs, the configuration..."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from agent.cli.files import STANDARD, write
from agent.serve.schemas import schema

if TYPE_CHECKING:
    import argparse


def run(arguments: argparse.Namespace) -> int:
    """Print one schema."""
    write(orjson.dumps(schema(arguments.what), option=orjson.OPT_INDENT_2) + b"\n", STANDARD)
    return 0
