"""A snapshot as a folder, written as a whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import SnapshotError
from agent.snapshot.manifest import DATA, MANIFEST, encode
from agent.snapshot.snapshot import Status

if TYPE_CHECKING:
    from agent.snapshot.snapshot import Snapshot


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
