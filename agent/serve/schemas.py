"""JSON Schema 2020-12 of what gateproof writes (report, finding, evidence) and reads (pack, config, suppressions)."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, Final, get_type_hints

from pydantic import TypeAdapter

from agent.config import Settings
from agent.model.evidence import Observed
from agent.model.report import Finding, Report
from agent.packs import Pack
from agent.suppressions import Book

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
WRITTEN: Final[dict[str, type[Any]]] = {"report": Report, "finding": Finding, "evidence": Observed}
READ: Final[dict[str, type[Any]]] = {"pack": Pack, "config": Settings, "suppressions": Book}


def schema(what: str) -> dict[str, Any]:
    """The schema of a report, a finding, evidence, a pack, the configuration or suppressions.

    What is written may gain keys within a major version, so its schema allows them; what is read may not.
    """
    if what in WRITTEN:
        found: dict[str, Any] = opened(TypeAdapter(WRITTEN[what]).json_schema(mode="serialization"))
    else:
        found = TypeAdapter(READ[what]).json_schema()
        hints = get_type_hints(READ[what], include_extras=True)
        for one in fields(READ[what]):
            if one.default is not MISSING:  # as documents write it
                default = TypeAdapter(hints[one.name]).dump_python(one.default, mode="json")
                found["properties"][one.name]["default"] = default
    return {"$schema": DIALECT} | found


def opened(schema: Any) -> Any:
    """The schema without its ban on more keys."""
    if isinstance(schema, dict):
        return {
            key: opened(value)
            for key, value in schema.items()
            if not (key == "additionalProperties" and value is False)
        }
    return [opened(item) for item in schema] if isinstance(schema, list) else schema
