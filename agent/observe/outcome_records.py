"""Outcomes as the records that leave the house, and as lines for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from agent.observe.tap_text import printable

if TYPE_CHECKING:
    from agent.model.outcome import Outcome


def line(outcome: Outcome) -> bytes:
    """One record of JSON Lines, with its line end."""
    return orjson.dumps(document(outcome)) + b"\n"


def document(outcome: Outcome) -> dict[str, Any]:
    """One record as a document; ``class`` is the fate."""
    return {
        "type": "outcome",
        "timestamp": outcome.timestamp,
        "src_ip": outcome.src_ip,
        "src_port": outcome.src_port,
        "dest_ip": outcome.dest_ip,
        "dest_port": outcome.dest_port,
        "transport": outcome.transport,
        "pack": outcome.pack,
        "domain": outcome.domain,
        "name": outcome.name,
        "zone": outcome.zone,
        "class": outcome.fate.value,
        "confidence": outcome.confidence,
        "stage": outcome.stage.value,
        "evidence": [{"at": one.at, "what": one.what, **dict(one.facts)} for one in outcome.evidence],
    }


def text(outcome: Outcome) -> str:
    """One line for a person: when, what became of which name, from where, and why."""
    at = datetime.fromtimestamp(outcome.timestamp, UTC).astimezone()
    sure = "" if outcome.confidence >= 1 else f" ({outcome.confidence:.0%} sure)"
    zone = f" from {outcome.zone}" if outcome.zone is not None else ""
    why = "; ".join(one.what for one in outcome.evidence)
    return printable(
        f"{at:%H:%M:%S}  {outcome.fate.value.upper()}{sure}  {outcome.name}{zone}"
        f" ({outcome.src_ip} to {outcome.dest_ip}): {why}"
    )
