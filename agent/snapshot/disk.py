"""Snapshots on disk, whichever form they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.errors import SnapshotError
from agent.snapshot.folder import read_folder

if TYPE_CHECKING:
    from pathlib import Path

    from agent.snapshot.snapshot import Snapshot

ARCHIVES: Final = (".tar", ".tar.gz", ".tgz")
"""How the names of snapshots end that are written as archives."""


def load(path: Path) -> Snapshot:
    """Read a snapshot folder or archive. Raises SnapshotError with one line that begins with the path."""
    try:
        return read_folder(path) if path.is_dir() else _read_archive(path)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from error
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or error}") from error


def save(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot: an archive where the name ends in ``.tar``, ``.tar.gz`` or ``.tgz``, else a folder.

    What was there before stays whole until the new one is. Raises SnapshotError with one line.
    """
    try:
        _write(snapshot, path)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from error
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or error}") from error


def _read_archive(path: Path) -> Snapshot:
    from agent.snapshot.archive import read_archive  # noqa: PLC0415 - with tarfile; most snapshots are folders

    return read_archive(path)


def _write(snapshot: Snapshot, path: Path) -> None:
    from agent.snapshot.archive import write_archive  # noqa: PLC0415 - what audits need not load
    from agent.snapshot.folder_writer import write_folder  # noqa: PLC0415 - likewise

    (write_archive if path.name.endswith(ARCHIVES) else write_folder)(snapshot, path)
