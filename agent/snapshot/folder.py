"""A snapshot in a folder, read: ``manifest.json`` and ``artifacts/<name>``."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import SnapshotError
from agent.snapshot.manifest import (
    ARTIFACT_LIMIT,
    DATA,
    MANIFEST,
    MANIFEST_LIMIT,
    TOTAL_LIMIT,
    decode,
)
from agent.snapshot.snapshot import Snapshot, Status

if TYPE_CHECKING:
    from pathlib import Path

    from agent.snapshot.snapshot import Artifact


def read_folder(path: Path) -> Snapshot:
    """Read a snapshot folder. Raises SnapshotError with one line, and OSError."""
    if not (path / MANIFEST).is_file():
        raise SnapshotError(f"not a snapshot: no {MANIFEST}")
    snapshot = decode(_read(path, MANIFEST, MANIFEST_LIMIT))
    artifacts: dict[str, Artifact] = {}
    total = 0
    for name, artifact in snapshot.artifacts.items():
        data = b""
        if artifact.status is Status.OK:
            data = _read(path, f"{DATA}/{name}", ARTIFACT_LIMIT)
            total += len(data)
        if total > TOTAL_LIMIT:
            raise SnapshotError(f"more than {TOTAL_LIMIT >> 20} MiB of artifacts")
        artifacts[name] = replace(artifact, data=data)
    return replace(snapshot, artifacts=artifacts)


def _read(root: Path, name: str, limit: int) -> bytes:
    """Read one file below ``root``; no part of ``name`` may be a link, which could lead anywhere."""
    at = root
    for part in name.split("/"):
        at /= part
        if at.is_symlink():
            raise SnapshotError(f"{name} is a link: refused")
    try:
        handle = os.open(at, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise SnapshotError(f"{name} is missing: the snapshot is not whole") from error
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise SnapshotError(f"{name} is not a regular file: refused")
        if state.st_size > limit:
            raise SnapshotError(f"{name} has more than {limit >> 20} MiB")
        return file.read(limit)
