"""A snapshot as a tar archive, plain or gzip: the same members as the folder, nothing else is accepted."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from agent.errors import SnapshotError
from agent.snapshot.manifest import (
    ARTIFACT_LIMIT,
    COUNT_LIMIT,
    DATA,
    MANIFEST,
    MANIFEST_LIMIT,
    TOTAL_LIMIT,
    decode,
    encode,
    is_artifact_name,
)
from agent.snapshot.snapshot import Snapshot, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

GZIP_MAGIC: Final = b"\x1f\x8b"
_COMPRESSED_SUFFIXES: Final = (".gz", ".tgz")


def write_archive(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot for its owner alone (mode 0600); the same snapshot gives the same bytes.

    An earlier file is replaced as a whole. Raises SnapshotError and OSError.
    """
    members = {MANIFEST: encode(snapshot)}
    for name, artifact in sorted(snapshot.artifacts.items()):
        if artifact.status is Status.OK:
            members[f"{DATA}/{name}"] = artifact.data
    moment = int(snapshot.taken_at.timestamp())
    handle, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as raw:
            with _compressor(raw, path) as out, tarfile.open(fileobj=out, mode="w|") as archive:
                for name, data in members.items():
                    header = tarfile.TarInfo(name)
                    header.size, header.mtime, header.mode = len(data), moment, 0o600
                    archive.addfile(header, io.BytesIO(data))
            raw.flush()
            os.fsync(handle)
        Path(new).replace(path)
    finally:
        Path(new).unlink(missing_ok=True)


@contextmanager
def _compressor(raw: IO[bytes], path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    if path.name.endswith(_COMPRESSED_SUFFIXES):
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as out:  # no name, no time: the same bytes
            yield out
    else:
        yield raw


def read_archive(path: Path) -> Snapshot:
    """Read a snapshot archive without unpacking it anywhere. Raises SnapshotError with one line, and OSError."""
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            with tarfile.open(fileobj=raw, mode="r|gz" if compressed else "r|") as archive:
                members = _members(archive)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SnapshotError(f"not a snapshot, or cut off: {error}") from error
    if MANIFEST not in members:
        raise SnapshotError(f"not a snapshot: no {MANIFEST}")
    snapshot = decode(members[MANIFEST])
    artifacts = {}
    for name, artifact in snapshot.artifacts.items():
        data = b""
        if artifact.status is Status.OK:
            if f"{DATA}/{name}" not in members:
                raise SnapshotError(f"{DATA}/{name} is missing: the snapshot is not whole")
            data = members[f"{DATA}/{name}"]
        artifacts[name] = replace(artifact, data=data)
    return replace(snapshot, artifacts=artifacts)


def _members(archive: tarfile.TarFile) -> dict[str, bytes]:
    """All regular members, without a leading ``./`` or the one folder that tar may have put around them."""
    found: dict[str, bytes] = {}
    total = 0
    for count, member in enumerate(archive, 1):
        name = member.name.removeprefix("./")
        if member.isdir():
            if name not in ("", ".") and not is_artifact_name(name.rstrip("/")):
                raise SnapshotError(f"member {member.name[:80]!r} leads outside: refused")
            continue
        if not member.isreg():
            raise SnapshotError(f"member {member.name[:80]!r} is a link or a device: refused")
        if not is_artifact_name(name):
            raise SnapshotError(f"member {member.name[:80]!r} leads outside: refused")
        limit = MANIFEST_LIMIT if name.rpartition("/")[2] == MANIFEST else ARTIFACT_LIMIT
        total += member.size
        if count > COUNT_LIMIT * 2 or member.size > limit or total > TOTAL_LIMIT:
            raise SnapshotError(f"member {name!r} makes it too large: refused")
        if name in found:
            raise SnapshotError(f"member {name!r} is there twice: refused")
        file = archive.extractfile(member)
        data = file.read() if file else b""
        if len(data) != member.size:
            raise SnapshotError(f"cut off in member {name!r}")
        found[name] = data
    return _unwrapped(found)


def _unwrapped(members: dict[str, bytes]) -> dict[str, bytes]:
    if MANIFEST in members:
        return members
    tops = {name.partition("/")[0] for name in members}
    if len(tops) == 1:
        top = f"{tops.pop()}/"
        return {name.removeprefix(top): data for name, data in members.items()}
    return members
