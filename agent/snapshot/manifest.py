"""``manifest.json`` of a snapshot: what was asked, what became of it, and of which host.

::

    {"schema": "gateproof.snapshot/1", "taken_at": "2025-01-31T08:00:00Z",
     "host": {"id": .., "name": .., "os": .., "kernel": .., "agent_version": ..},
     "artifacts": [{"name": .., "status": "ok|absent|denied|failed|timeout", "detail": .., "remedy": ..}]}

The data of an artifact with status ``ok`` is the file ``artifacts/<name>``. Unknown keys are ignored.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from agent.errors import SnapshotError
from agent.snapshot.snapshot import Artifact, Snapshot, Status

MANIFEST: Final = "manifest.json"
DATA: Final = "artifacts"
SCHEMA: Final = "gateproof.snapshot/1"
MANIFEST_LIMIT: Final = 16 << 20
"""Bytes of a manifest."""
ARTIFACT_LIMIT: Final = 256 << 20
"""Bytes of one artifact."""
TOTAL_LIMIT: Final = 1 << 30
"""Bytes of all artifacts of one snapshot."""
COUNT_LIMIT: Final = 50_000
"""Artifacts of one snapshot."""
_NAME_LIMIT: Final = 1024
_PART_LIMIT: Final = 255  # bytes of a file name, NAME_MAX in include/uapi/linux/limits.h


def is_artifact_name(name: str) -> bool:
    """Whether a name may become a path below ``artifacts/``: relative, without ``..`` or control characters."""
    return len(name) <= _NAME_LIMIT and all(
        part not in ("", ".", "..") and part.isprintable() and len(part.encode()) <= _PART_LIMIT
        for part in name.split("/")
    )


def encode(snapshot: Snapshot) -> bytes:
    """Write the manifest, one artifact a line, sorted by name; raises SnapshotError for a hostile name."""
    entries = []
    for name in sorted(snapshot.artifacts):
        one = snapshot.artifacts[name]
        if one.name != name or not is_artifact_name(name):
            raise SnapshotError(f"artifact {name!r} cannot be written: not a plain relative name")
        entry = {"name": name, "status": one.status.value, "detail": one.detail, "remedy": one.remedy}
        entries.append("  " + json.dumps(entry))
    taken_at = snapshot.taken_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return (
        "{\n"
        f' "schema": {json.dumps(SCHEMA)},\n'
        f' "taken_at": {json.dumps(taken_at)},\n'
        f' "host": {json.dumps(dict(sorted(snapshot.host.items())))},\n'
        ' "artifacts": [\n' + ",\n".join(entries) + "\n ]\n}\n"
    ).encode()


def decode(data: bytes) -> Snapshot:
    """Read a manifest: a Snapshot whose artifacts have no data yet. Raises SnapshotError with one line."""
    try:
        document = json.loads(data)
    except json.JSONDecodeError as error:
        raise _bad(f"line {error.lineno} column {error.colno}: {error.msg}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise _bad("not JSON text") from error
    if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
        raise _bad("no snapshot schema")
    if document["schema"] != SCHEMA:
        raise _bad(f"schema {document['schema']!r}, but this program reads {SCHEMA!r}")
    host = document.get("host")
    if not isinstance(host, dict) or not all(isinstance(value, str) for value in host.values()):
        raise _bad("host must be an object of texts")
    entries = document.get("artifacts")
    if not isinstance(entries, list) or len(entries) > COUNT_LIMIT:
        raise _bad(f"artifacts must be a list of at most {COUNT_LIMIT}")
    artifacts: dict[str, Artifact] = {}
    for number, entry in enumerate(entries, 1):
        one = _artifact(entry, number)
        if one.name in artifacts:
            raise _bad(f"artifact {one.name!r} is listed twice")
        artifacts[one.name] = one
    return Snapshot(_time(document.get("taken_at")), host, artifacts)


def _artifact(entry: Any, number: int) -> Artifact:
    if not isinstance(entry, dict):
        raise _bad(f"artifact {number} is not an object")
    fields = [entry.get(key, "") for key in ("name", "status", "detail", "remedy")]
    if not all(isinstance(value, str) for value in fields):
        raise _bad(f"artifact {number}: name, status, detail and remedy must be texts")
    name, status, detail, remedy = fields
    if not is_artifact_name(name):
        raise _bad(f"artifact {number}: {name[:80]!r} is not a plain relative name")
    if status not in set(Status):
        raise _bad(f"artifact {number} ({name}): no such status {status[:80]!r}")
    return Artifact(name, Status(status), b"", detail, remedy)


def _time(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise _bad(f"taken_at {text!r} is not a time (RFC 3339)") from error
    if moment.tzinfo is None:
        raise _bad(f"taken_at {text!r} has no time zone")
    return moment.astimezone(UTC)


def _bad(what: str) -> SnapshotError:
    return SnapshotError(f"{MANIFEST}: {what}")
