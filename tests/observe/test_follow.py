"""No line is lost and none comes twice, however a log is rotated."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.observe import follow
from agent.observe.follow import LINGER, LONGEST, OLD, Followed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


class Writer:
    """Writes numbered lines, as a program does that has its log open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.files: list[BinaryIO] = [path.open("ab", buffering=0)]
        self.turn = 0

    def write(self, *, older: bool = False) -> None:
        """One line, to the file that is open last or to the one before."""
        file = self.files[-2] if older and len(self.files) > 1 else self.files[-1]
        file.write(b"line %d\n" % self.number)
        self.number += 1

    def part(self) -> None:
        """A line in two pieces, the first of them alone for a while."""
        self.files[-1].write(b"line ")
        self.files[-1].write(b"%d\n" % self.number)
        self.number += 1

    def rename(self) -> None:
        """What logrotate does with ``create``: the program goes on writing where it wrote."""
        self.turn += 1
        self.path.rename(self.path.with_name(f"{self.path.name}.{self.turn}"))
        self.path.touch()

    def reopen(self) -> None:
        """What the program does when it is told."""
        self.files.append(self.path.open("ab", buffering=0))

    def close(self) -> None:
        for one in self.files:
            one.close()


def drained(followed: Followed) -> Iterator[bytes]:
    for _ in range(LINGER + 2):
        yield from followed.lines()


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(("write", "write", "part", "look", "rename", "reopen", "older", "delete")), max_size=60
    )
)
def test_renaming_loses_nothing_and_gives_nothing_twice(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("logs") / "access.log"
    writer = Writer(path)
    followed = Followed(str(path))
    seen: list[bytes] = []
    renamed = looks = 0
    try:
        for step in steps:
            match step:
                case "write":
                    writer.write()
                case "part":
                    writer.part()
                case "rename" if renamed < OLD // 2:
                    # twice between two looks is more than names can tell
                    seen += followed.lines()
                    writer.rename()
                    renamed += 1
                case "reopen":
                    writer.reopen()
                    renamed = looks = 0
                case "older":
                    # another process of the same program, which reopens a little later
                    writer.write(older=looks < LINGER - 1)
                case "delete":
                    old = path.with_name(f"{path.name}.{writer.turn}")
                    if old.exists() and renamed == 0:
                        seen += followed.lines()
                        old.unlink()
            seen += followed.lines() if step != "write" else ()
            looks += step != "write"
        writer.reopen()
        writer.write()
        seen += drained(followed)
        assert sorted(seen) == sorted(b"line %d" % one for one in range(writer.number))
    finally:
        followed.close()
        writer.close()


def test_the_rest_of_a_renamed_file_comes_before_the_new_one(log: Path) -> None:
    log.write_bytes(b"old\n")
    followed = Followed(str(log))
    with log.open("ab", buffering=0) as before:
        before.write(b"one\n")
        log.rename(log.with_name("access.log.1"))
        log.write_bytes(b"")
        before.write(b"two\n")
        assert list(followed.lines()) == [b"one", b"two"]
        before.write(b"three\n")
        log.write_bytes(b"four\n")
        assert list(followed.lines()) == [b"three", b"four"]
        before.write(b"late\n")
        assert list(followed.lines()) == [b"late"]
    followed.close()


def test_a_file_emptied_in_place_is_read_from_its_beginning(log: Path) -> None:
    log.write_bytes(b"")
    followed = Followed(str(log))
    with log.open("ab", buffering=0) as writer:
        writer.write(b"one\ntwo\n")
        assert list(followed.lines()) == [b"one", b"two"]
        os.truncate(log, 0)
        writer.write(b"three\n")
        assert list(followed.lines()) == [b"three"]
        os.truncate(log, 0)
        # longer than before when it is looked at next: known by its first bytes
        writer.write(b"four\nfive\nsix\n")
        assert list(followed.lines()) == [b"four", b"five", b"six"]
    assert followed.emptied == 2
    followed.close()


def test_a_hole_that_a_writer_leaves_is_no_line(log: Path) -> None:
    log.write_bytes(b"")
    followed = Followed(str(log))
    with log.open("wb", buffering=0) as writer:  # not at its end, wherever that is
        writer.write(b"x" * 5000 + b"\n")
        assert list(followed.lines()) == [b"x" * 5000]
        os.truncate(log, 0)
        writer.write(b"after\n")
        assert list(followed.lines()) == [b"after"]
        writer.write(b"and\0 on\n")
        assert list(followed.lines()) == [b"and on"]
    followed.close()


def test_a_line_comes_once_it_is_whole(log: Path) -> None:
    log.write_bytes(b"begun ")
    followed = Followed(str(log))
    assert list(followed.lines()) == []
    with log.open("ab") as writer:
        writer.write(b"and ended\nnext")
    assert list(followed.lines()) == [b"begun and ended"]
    place = followed.place
    followed.close()
    with log.open("ab") as writer:
        writer.write(b" one\n")
    again = Followed(str(log), place)
    assert list(again.lines()) == [b"next one"]
    again.close()


def test_a_line_that_is_too_long_is_counted(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "READ", 1000)
    log.write_bytes(b"")
    followed = Followed(str(log))
    log.write_bytes(b"a\n" + b"x" * (3 * LONGEST) + b"\nb\n" + b"y" * (LONGEST + 1) + b"\nc\n" + b"z" * LONGEST + b"\n")
    assert list(followed.lines()) == [b"a", b"b", b"c", b"z" * LONGEST]
    assert followed.too_long == 2
    followed.close()


def test_one_look_reads_so_much_and_the_next_the_rest(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MOST", 100)
    log.write_bytes(b"")
    followed = Followed(str(log))
    expected = [b"line %d" % number for number in range(100)]
    log.write_bytes(b"".join(line + b"\n" for line in expected))
    log.rename(log.with_name("access.log.1"))
    log.write_bytes(b"new\n")
    looks = [list(followed.lines()) for _ in range(20)]
    assert all(len(one) < 20 for one in looks)
    assert [line for one in looks for line in one] == [*expected, b"new"]
    followed.close()


def test_a_file_that_comes_and_goes_with_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = folder / "access.log"
    followed = Followed(str(log))
    assert list(followed.lines()) == []
    folder.mkdir()
    log.write_bytes(b"one\n")
    assert list(followed.lines()) == [b"one"]
    log.unlink()
    folder.rmdir()
    assert list(followed.lines()) == []
    folder.mkdir()
    log.write_bytes(b"two\n")
    assert list(drained(followed)) == [b"two"]
    followed.close()


def test_what_was_rotated_while_nobody_looked_is_read_from_where_it_was_left(log: Path) -> None:
    log.write_bytes(b"one\n")
    first = Followed(str(log), begin=True)
    assert list(first.lines()) == [b"one"]
    place = first.place
    first.close()
    with log.open("ab") as writer:
        writer.write(b"two\n")
    log.rename(log.with_name("access.log.1"))
    log.write_bytes(b"three\n")
    second = Followed(str(log), place)
    assert list(second.lines()) == [b"two", b"three"]
    second.close()


def test_a_place_in_a_file_that_was_packed_is_given_up(log: Path) -> None:
    log.write_bytes(b"one\n")
    first = Followed(str(log), begin=True)
    assert list(first.lines()) == [b"one"]
    place = first.place
    first.close()
    log.with_name("access.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    log.write_bytes(b"new and longer than before\n")
    second = Followed(str(log), place)
    assert list(second.lines()) == [b"new and longer than before"]
    second.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(log: Path) -> None:
    log.write_bytes(b"one\n")
    log.chmod(0)
    assert Followed(str(log)).trouble == "Permission denied"


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.sampled_from(("write", "part", "look", "empty")), max_size=40))
def test_emptying_in_place_loses_only_what_nobody_read(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("logs") / "access.log"
    writer = Writer(path)
    followed = Followed(str(path))
    seen: list[bytes] = []
    try:
        for step in steps:
            match step:
                case "write":
                    writer.write()
                case "part":
                    writer.part()
                case "look":
                    seen += followed.lines()
                case "empty":
                    seen += followed.lines()
                    os.truncate(path, 0)
        seen += followed.lines()
        assert seen == [b"line %d" % one for one in range(writer.number)]
    finally:
        followed.close()
        writer.close()
