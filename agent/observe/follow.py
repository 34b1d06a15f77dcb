"""Files that grow, line by line, across their rotation.

A file is known by its inode and its first bytes. One that was renamed is read on until the new file of its name has
something in it, then to its end, and only then the new one; for a few looks more it is asked for what writers still
add. One whose beginning is another, or that is shorter than what was read of it, was emptied in place (logrotate's
``copytruncate``) and is read from its beginning: what was written and not read before the emptying is lost by that
method itself.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 64 << 10
"""Bytes of a line; a longer one is left out and counted."""
READ: Final = 256 << 10
"""Bytes that are read at once."""
MOST: Final = 1 << 20
"""Bytes of one path that one look reads; the rest waits for the next."""
HEAD: Final = 64
"""Bytes at the beginning by which a file is known again."""
LINGER: Final = 5
"""Looks at a renamed file after the new one was begun."""
OLD: Final = 16
"""Files that once had the name and are open still."""
SIBLINGS: Final = 10_000
"""Files of a folder among which a renamed one is looked for."""


@record
class Place:
    """How far a file was read: where its first line begins that was not."""

    inode: int
    offset: int
    head: int = 0
    """So many first bytes,"""
    hash: str = ""
    """and the SHA-256 of them."""


class _Open:
    """One file, as long as it is open."""

    def __init__(self, file: int, offset: int) -> None:
        self.file = file
        self.offset = offset
        """Up to where it was read."""
        self.line = offset
        """Where the line begins that is not whole yet."""
        self.rest = b""
        """What is there of it."""
        self.skipping = False
        """It is too long."""
        self.looks = LINGER
        self.head = os.pread(file, min(HEAD, offset), 0)

    @property
    def place(self) -> Place:
        return Place(os.fstat(self.file).st_ino, self.line, len(self.head), sha256(self.head).hexdigest())

    def has(self, path: str) -> bool:
        """Whether it is the file of this name."""
        try:
            there = Path(path).stat()
        except OSError:
            return False
        mine = os.fstat(self.file)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def begin_again(self) -> None:
        try:
            # writers that did not notice the emptying leave a hole in front
            self.offset = os.lseek(self.file, 0, os.SEEK_DATA)
        except OSError:  # nothing in it
            self.offset = 0
        self.line, self.rest, self.skipping, self.head = self.offset, b"", False, b""


class Followed:
    """One path; without a ``place`` it is read from its end on, or with ``begin`` from its beginning.

    ``begin`` is for a path that was not there when it was looked at last: all that is in it is new.
    """

    def __init__(self, path: str, place: Place | None = None, *, begin: bool = False) -> None:
        self.path = path
        self.too_long = 0
        """Lines that were left out for their length."""
        self.emptied = 0
        """Times that the file was emptied in place; lines may be lost there."""
        self.trouble: str | None = None
        """Why the file cannot be read, other than that it is not there."""
        self.more = False
        """Whether the last look left something for the next."""
        self._place = place
        self._begin = begin
        self._old: list[_Open] = []
        self._files: list[_Open] = []
        """The one that is read, and those that had its name later."""
        # the end is that of now, not of the first look
        self._settle()

    @property
    def place(self) -> Place | None:
        """Where reading can go on later."""
        return self._files[0].place if self._files else self._place

    def lines(self) -> Iterator[bytes]:
        """What was written since the last look, whole lines without their ends."""
        self.more = False
        yield from self._late()
        self._settle()
        left = MOST
        while self._files:
            one = self._files[0]
            if _is_emptied(one):
                self.emptied += 1
                one.begin_again()
            # looked at before reading: all that was written before the next file had anything is read
            left_behind = self._is_left(one)
            before = one.offset
            yield from self._read(one, left)
            left -= one.offset - before
            if left <= 0 or not left_behind:
                self.more = left <= 0
                return
            self._old.append(self._files.pop(0))

    def close(self) -> None:
        """Let the file go; ``place`` stays."""
        self._place = self.place
        for one in (*self._old, *self._files):
            os.close(one.file)
        self._old.clear()
        self._files.clear()

    # ---- files ----

    def _settle(self) -> None:
        """Open the file that has the name now, if it is not open."""
        if self._files and self._files[-1].has(self.path):
            return
        self.trouble = None
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            # what comes to be from now on is new
            self._begin = True
            return
        except OSError as error:
            self.trouble = error.strerror
            return
        place, self._place = self._place, None
        begin, self._begin = self._begin, True
        if place is not None and (renamed := self._renamed(place, file)) is not None:
            self._files.append(_Open(renamed, place.offset))
            begin = True
        if place is not None and _is_same(file, place):
            self._files.append(_Open(file, place.offset))
        else:
            self._files.append(_Open(file, 0 if begin or place is not None else _line_begin(file)))

    def _renamed(self, place: Place, file: int) -> int | None:
        """The file of a place where it has another name by now, in the same folder."""
        if os.fstat(file).st_ino == place.inode:
            return None
        folder, name = os.path.split(self.path)
        with os.scandir(folder or ".") as entries:
            for _, entry in zip(range(SIBLINGS), entries, strict=False):
                if entry.name.startswith(name) and entry.inode() == place.inode and entry.is_file():
                    try:
                        found = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                    except OSError:
                        return None
                    if _is_same(found, place):
                        return found
                    os.close(found)
        return None

    def _is_left(self, one: _Open) -> bool:
        """Whether a file that had the name later has something in it, or the file is deleted."""
        if any(os.fstat(later.file).st_size > 0 for later in self._files[1:]):
            return True
        return os.fstat(one.file).st_nlink == 0 or len(self._files) >= OLD

    # ---- lines ----

    def _late(self) -> Iterator[bytes]:
        """What was added to renamed files after they were left."""
        for one in tuple(self._old):
            yield from self._read(one, MOST)
            one.looks -= 1
            if one.looks <= 0 or len(self._old) > OLD:
                self._old.remove(one)
                os.close(one.file)
                if one.rest:
                    yield one.rest  # nobody will end it

    def _read(self, one: _Open, left: int) -> Iterator[bytes]:
        while left > 0:
            data = os.pread(one.file, min(READ, left), one.offset)
            if not data:
                return
            if len(one.head) < HEAD:
                one.head = os.pread(one.file, min(HEAD, one.offset + len(data)), 0)
            left -= len(data)
            end = data.rfind(b"\n")
            whole = self._split(one, data)
            if end >= 0:
                one.line = one.offset + end + 1
            one.offset += len(data)
            yield from whole

    def _split(self, one: _Open, data: bytes) -> list[bytes]:
        # a hole that a writer left is read as NUL bytes, and belongs to no line
        *whole, rest = (one.rest + data).replace(b"\0", b"").split(b"\n")
        found = []
        for line in whole:
            if one.skipping:
                one.skipping = False
            elif len(line) > LONGEST:
                self.too_long += 1
            else:
                found.append(line)
        one.rest = b"" if one.skipping else rest
        if len(one.rest) > LONGEST:
            self.too_long += 1
            one.rest, one.skipping = b"", True
        return found


def _is_emptied(one: _Open) -> bool:
    if os.fstat(one.file).st_size < one.offset:
        return True
    return os.pread(one.file, len(one.head), 0) != one.head


def _is_same(file: int, place: Place) -> bool:
    """Whether a file is that of a place, and not shorter."""
    status = os.fstat(file)
    if status.st_ino != place.inode or status.st_size < place.offset:
        return False
    return sha256(os.pread(file, place.head, 0)).hexdigest() == place.hash


def _line_begin(file: int) -> int:
    """Where the line begins that a file's end stands in; the end where that is too far."""
    end = os.fstat(file).st_size
    data = os.pread(file, min(end, LONGEST), max(end - LONGEST, 0))
    return end - len(data) + data.rfind(b"\n") + 1 if b"\n" in data or len(data) == end else end
