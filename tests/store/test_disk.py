"""Disks that are full, read-only or fail: that is said and counted, and once they are mended nothing is missing."""

from __future__ import annotations

import os
import re
import resource
import shutil
import tempfile
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.errors import StateError
from agent.model.standing import AUDIT, Check
from agent.store import Reader, Store
from tests.store.alone import MOUNT_DENIED, alone, fill, mount, run
from tests.store.test_kill import numbers
from tests.store.test_lifecycle import START, finding, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.report import Report

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
mounts = pytest.mark.skipif(bool(MOUNT_DENIED), reason=MOUNT_DENIED or "can mount")
TROUBLE = r"(gateproof\.db|findings\.jsonl?|\.findings\.json\.new): cannot be written: "
FULL = (
    TROUBLE
    + r"(no space left \(SQLITE_FULL|the disk is full, or fails \(SQLITE_IOERR|No space left on device|File too large)"
)


def these(names: str) -> Report:
    return report(START, *(finding(name, START) for name in names))


def whole(folder: Path, names: str, *, errors: int = 0) -> None:
    """Everything is there, once, in the database and in the files."""
    reader = Reader(folder)
    kept = reader.standing().kept
    assert (kept.seq, kept.events) == (len(names), len(names))
    assert kept.errors >= errors
    reader.close()
    assert numbers(folder) == list(range(1, len(names) + 1))
    state = orjson.loads((folder / "findings.json").read_bytes())
    assert sorted(one["subject"]["name"] for one in state["findings"]) == sorted(names)
    assert {file.name for file in folder.iterdir()} <= {
        *("gateproof.db", "gateproof.db-wal", "gateproof.db-shm", "findings.json", "findings.jsonl", "lock"),
    }


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let the kernel refuse to let files grow beyond a size, in the middle of a write if need be."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 100, 1_400, 2_000, 4_000, 9_000, 50_000, 200_000, 300_000])
@pytest.mark.parametrize("restart", [False, True])
def test_files_that_may_not_grow_lose_nothing_and_tell_nothing_twice(
    tmp_path: Path, room: int, *, restart: bool
) -> None:
    with Store(tmp_path) as store:
        store.record(these("a"), START)
        more = "abcdefghijklmnopqrstuvwxyz" * 2 if room > 10_000 else "abc"
        names = "".join(dict.fromkeys(more)) + ("0123456789" * (room > 10_000))
        with room_for(room), suppress(StateError):
            store.record(these(names), START)
            assert room > 10_000, "there was room"
        if not restart:
            store.record(these(names), START)
    with Store(tmp_path) as store:
        store.record(these(names), START)
    whole(tmp_path, names)


def test_events_that_were_committed_count_where_files_could_not_be_written(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.record(these("abcdef"), START)
        (tmp_path / ".findings.json.new").mkdir()
        for _ in range(3):
            with pytest.raises(StateError, match=r"\.findings\.json\.new: cannot be written: Is a directory"):
                store.record(these("abcdefg"), START)
        (tmp_path / ".findings.json.new").rmdir()
        assert store.record(these("abcdefg"), START) == ()
        whole(tmp_path, "abcdefg", errors=3)


@mounts
@pytest.mark.parametrize("room", [0, 4_096, 40_000, 100_000, 200_000])
def test_a_full_disk_is_survived(tmp_path: Path, room: int) -> None:
    names = "abcdefghijklmnopqrstuvwxyz" + "0123456789"

    def work() -> None:
        mount("-t", "tmpfs", "-o", "size=2m", "none", str(tmp_path))
        ballast = tmp_path / "ballast"
        store = Store(tmp_path)
        store.record(these("a"), START)
        fill(ballast, room)
        failed = []
        for size in (12, 24, 36, 36, 36):
            try:
                store.record(these(names[:size]), START)
            except StateError as error:
                failed.append(str(error))
        assert failed or room > 40_000
        assert [one for one in failed if not re.search(FULL, one)] == []
        reader = Reader(tmp_path)  # who reads goes on
        assert reader.standing().kept.seq >= 1
        reader.close()
        ballast.unlink()
        store.record(these(names), START)
        whole(tmp_path, names, errors=len(failed))
        store.close()

    alone(work)


@mounts
@pytest.mark.parametrize("room", [0, 4_096, 40_000, 150_000])
def test_a_disk_that_is_full_at_the_beginning_is_said(tmp_path: Path, room: int) -> None:
    def work() -> None:
        mount("-t", "tmpfs", "-o", "size=2m", "none", str(tmp_path))
        old, new = tmp_path / "old", tmp_path / "new"
        with Store(old) as store:
            store.record(these("ab"), START)
        fill(tmp_path / "ballast", room)
        for folder in (old, new):
            try:
                Store(folder).close()
            except StateError as error:
                said = str(error)
            else:
                said = "" if folder == old or room else "there was room to make it"
            assert re.fullmatch(r"(.*: cannot be used: (no space left|the disk is full|No space left).*)?", said)
        (tmp_path / "ballast").unlink()
        for folder in (old, new):
            with Store(folder) as store:
                store.record(these("abc"), START)
            whole(folder, "abc")

    alone(work)


@mounts
def test_a_read_only_disk_is_survived(tmp_path: Path) -> None:
    def work() -> None:
        mount("-t", "tmpfs", "-o", "size=4m", "none", str(tmp_path))
        with Store(tmp_path) as store:
            store.record(these("ab"), START)
        mount("-o", "remount,ro", str(tmp_path))
        with pytest.raises(StateError, match=r"cannot be used: (it is read-only|Read-only file system)"):
            Store(tmp_path)
        reader = Reader(tmp_path)  # who reads can, all the same
        assert reader.standing().kept.seq == 2
        reader.close()
        mount("-o", "remount,rw", str(tmp_path))
        with Store(tmp_path) as store:
            store.record(these("abc"), START)
            # what is open stays writable, new files are refused: the database goes on, its files come after
            mount("--bind", str(tmp_path), str(tmp_path))
            mount("-o", "remount,bind,ro", str(tmp_path))
            for _ in range(2):
                with pytest.raises(StateError, match="cannot be written: Read-only file system"):
                    store.record(these("abcd"), START)
            run(("umount", str(tmp_path)))
            store.record(these("abcd"), START)
            whole(tmp_path, "abcd", errors=2)

    alone(work)


@mounts
def test_a_disk_that_fails_under_a_running_store_is_survived(tmp_path: Path) -> None:
    image, folder = tmp_path / "image", tmp_path / "state"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    run(("mkfs.ext4", "-q", str(image)))

    def work() -> None:
        mount("-o", "loop,errors=remount-ro", str(image), str(folder))
        device = folder.stat().st_dev
        place = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        store = Store(folder)
        store.record(these("ab"), START)
        Path(f"/sys/fs/ext4/{place}/trigger_fs_error").write_text("1")
        for _ in range(3):
            with pytest.raises(StateError, match=r"cannot be written: (it is read-only|the disk is full)"):
                store.record(these("abc"), START)
            with pytest.raises(StateError):
                store.failed(Check(name=AUDIT, attempted=START, trouble="no disk"))
        reader = Reader(folder)
        assert reader.standing().kept.seq == 2
        reader.close()
        store.close()
        run(("umount", str(folder)))
        # the kernel marks it, and its own program has it whole again
        run(("sh", "-c", f"fsck.ext4 -f -y {image} >/dev/null 2>&1; test $? -le 1"))
        mount("-o", "loop", str(image), str(folder))
        with Store(folder) as store:
            store.record(these("abc"), START + timedelta(hours=1))
        (folder / "lost+found").rmdir()
        whole(folder, "abc")
        run(("umount", str(folder)))

    alone(work)


@mounts
def test_who_may_only_read_can() -> None:
    """As another user, whether the writer runs, has ended, or was killed."""
    nobody = 65_534
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        folder, left = place / "state", place / "left"

        def reads(folder: Path) -> None:
            def work() -> None:
                reader = Reader(folder)
                assert reader.standing().kept.seq == 1
                assert len(reader.events(0, 9).lines) == 1
                reader.close()
                with pytest.raises(PermissionError):
                    (folder / "new").touch()

            for file in (folder, *folder.iterdir()):
                os.chown(file, 0, nobody)
            alone(work, nobody)

        with Store(folder) as store:
            store.record(these("a"), START)
            modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
            assert modes.keys() >= {"gateproof.db-wal", "gateproof.db-shm"}
            assert set(modes.values()) == {0o640}
            shutil.copytree(folder, left)
            reads(folder)
        assert not (folder / "gateproof.db-wal").exists()
        reads(folder)
        reads(left)
