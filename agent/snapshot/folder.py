"""A snapshot as a folder: ``manifest.json`` and ``artifacts/<name>``."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import SnapshotError
from agent.snapshot.manifest import (
    ARTIFACT_LIMIT,
    DATA,
    MANIFEST,
    MANIFEST_LIMIT,
    TOTAL_LIMIT,
    decode,
    encode,
)
from agent.snapshot.snapshot import Snapshot, Status

if TYPE_CHECKING:
    from agent.snapshot.snapshot import Artifact


def write_folder(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot for its owner alone (mode 0700); an earlier snapshot there is replaced as a whole.

    Raises SnapshotError where ``path`` is something else, and OSError.
    """
    manifest = encode(snapshot)
    if path.exists() and not _may_replace(path):
        raise SnapshotError("is not an earlier snapshot and not empty: choose another name")
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        for name, artifact in sorted(snapshot.artifacts.items()):
            if artifact.status is Status.OK:
                file = new / DATA / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(artifact.data)
        (new / MANIFEST).write_bytes(manifest)
        _put(new, path)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _may_replace(path: Path) -> bool:
    return path.is_dir() and ((path / MANIFEST).is_file() or not any(path.iterdir()))


def _put(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as aside:
        path.rename(Path(aside, "old"))
        new.rename(path)


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
