"""Snapshots on disk, whichever form they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import SnapshotError
from agent.snapshot.archive import is_archive_name, read_archive, write_archive
from agent.snapshot.folder import read_folder, write_folder

if TYPE_CHECKING:
    from pathlib import Path

    from agent.snapshot.snapshot import Snapshot


def load(path: Path) -> Snapshot:
    """Read a snapshot folder or archive. Raises SnapshotError with one line that begins with the path."""
    try:
        return read_folder(path) if path.is_dir() else read_archive(path)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from error
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or error}") from error


def save(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot: an archive where the name ends in ``.tar``, ``.tar.gz`` or ``.tgz``, else a folder.

    What was there before stays whole until the new one is. Raises SnapshotError with one line.
    """
    try:
        if is_archive_name(path):
            write_archive(snapshot, path)
        else:
            write_folder(snapshot, path)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}") from error
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror or error}") from error
