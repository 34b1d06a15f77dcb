"""Snapshots of configurations that a test wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.snapshot import Artifact, Snapshot, Status
from agent.snapshot.programs import ARTIFACT, unit_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(files: Mapping[str, str | bytes], programs: Sequence[Mapping[str, Any]]) -> Snapshot:
    """What gateproof would have collected: files by path, and the programs that run."""
    artifacts = {ARTIFACT: Artifact(ARTIFACT, Status.OK, json.dumps(list(programs)).encode())}
    for program in programs:
        unit = f"files{unit_of(str(program['name']))}"
        artifacts[unit] = Artifact(unit, Status.ABSENT)
    for path, text in files.items():
        data = text if isinstance(text, bytes) else text.encode()
        artifacts[f"files{path}"] = Artifact(f"files{path}", Status.OK, data)
    return Snapshot(NOW, {}, artifacts)
