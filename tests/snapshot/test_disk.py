"""Snapshots as folders and archives, and what is refused."""

from __future__ import annotations

import io
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from agent.errors import SnapshotError
from agent.snapshot import Artifact, Snapshot, Status, load, save

if TYPE_CHECKING:
    from pathlib import Path

SNAPSHOT = Snapshot(
    datetime(2026, 11, 23, tzinfo=UTC),
    {"id": "x", "name": "edge-1"},
    {
        "nft.json": Artifact("nft.json", Status.OK, b'{"nftables": []}'),
        "files/etc/hosts": Artifact("files/etc/hosts", Status.OK, b"127.0.0.1 localhost\n"),
        "ipset.txt": Artifact("ipset.txt", Status.DENIED, detail="no", remedy="run as root"),
    },
)


@pytest.mark.parametrize("name", ["folder", "one.tar", "one.tar.gz"])
def test_there_and_back(tmp_path: Path, name: str) -> None:
    save(SNAPSHOT, tmp_path / name)
    found = load(tmp_path / name)
    assert (found.taken_at, dict(found.host), dict(found.artifacts)) == (
        SNAPSHOT.taken_at,
        dict(SNAPSHOT.host),
        dict(SNAPSHOT.artifacts),
    )


def test_the_same_snapshot_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tar.gz", "b.tar.gz"):
        save(SNAPSHOT, tmp_path / name)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_hostile_members_are_refused(tmp_path: Path) -> None:
    save(SNAPSHOT, tmp_path / "good.tar")
    with tarfile.open(tmp_path / "bad.tar", "w") as bad, tarfile.open(tmp_path / "good.tar") as good:
        for member in good:
            content = good.extractfile(member)
            data = content.read() if content else b""
            bad.addfile(member, io.BytesIO(data.replace(b"files/etc/hosts", b"../../etc/hosts")))
    with pytest.raises(SnapshotError, match=r"bad\.tar"):
        load(tmp_path / "bad.tar")


def test_what_is_no_snapshot_is_said(tmp_path: Path) -> None:
    save(SNAPSHOT, tmp_path / "whole.tar")
    data = (tmp_path / "whole.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[:700])
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").mkdir()
    for name in ("cut.tar", "text", "empty", "nowhere"):
        with pytest.raises(SnapshotError, match=name) as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value)
