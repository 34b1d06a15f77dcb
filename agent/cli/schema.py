"""``gateproof schema``: JSON Schema 2020-12 of what is written (report, finding, evidence) and read (pack, config)."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Final, get_type_hints

import orjson
from pydantic import TypeAdapter

from agent.cli.files import STANDARD, write
from agent.config import Settings
from agent.model.evidence import Observed
from agent.model.report import Finding, Report
from agent.packs import Pack

if TYPE_CHECKING:
    import argparse

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
WRITTEN: Final[dict[str, type[Any]]] = {"report": Report, "finding": Finding, "evidence": Observed}
READ: Final[dict[str, type[Any]]] = {"pack": Pack, "config": Settings}


def run(arguments: argparse.Namespace) -> int:
    """Print one schema."""
    write(orjson.dumps(schema(arguments.what), option=orjson.OPT_INDENT_2) + b"\n", STANDARD)
    return 0


def schema(what: str) -> dict[str, Any]:
    """The schema of a report, a finding, evidence, a pack or the configuration.

    What is written may gain keys within a major version, so its schema allows them; what is read may not.
    """
    if what in WRITTEN:
        found = {
            key: _open(value) for key, value in TypeAdapter(WRITTEN[what]).json_schema(mode="serialization").items()
        }
        found.pop("additionalProperties", None)
    else:
        found = TypeAdapter(READ[what]).json_schema()
        hints = get_type_hints(READ[what], include_extras=True)
        for one in fields(READ[what]):
            if one.default is not MISSING:  # as documents write it
                default = TypeAdapter(hints[one.name]).dump_python(one.default, mode="json")
                found["properties"][one.name]["default"] = default
    return {"$schema": DIALECT} | found


def _open(schema: Any) -> Any:
    """The schema without its ban on more keys."""
    if isinstance(schema, dict):
        return {
            key: _open(value) for key, value in schema.items() if not (key == "additionalProperties" and value is False)
        }
    return [_open(item) for item in schema] if isinstance(schema, list) else schema
