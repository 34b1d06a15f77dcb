"""Work in a child process of its own, which may mount what it likes: all of it goes when the child ends."""

from __future__ import annotations

import ctypes
import os
import subprocess
import traceback
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

CLONE_NEWNS: Final = 0x00020000  # include/uapi/linux/sched.h
MOUNT_DENIED: Final = "" if os.geteuid() == 0 else "needs root, to mount"
"""Why nothing can be mounted here; empty where it can be tried."""
PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def alone(work: Callable[[], None], user: int | None = None) -> None:
    """Do it in a child with mounts of its own, or as another user and group; fails as it fails."""
    out, pipe = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if user is None:
                libc = ctypes.CDLL(None, use_errno=True)  # os.unshare exists only from Python 3.12 on
                assert libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
                mount("--make-rprivate", "/")
            else:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            work()
        except BaseException:  # noqa: BLE001 - told to the parent, which fails
            os.write(pipe, traceback.format_exc().encode()[-60_000:])
            os._exit(1)
        os._exit(0)
    os.close(pipe)
    with os.fdopen(out) as told:
        words = told.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, words


def mount(*arguments: str) -> None:
    """Put a file system in place, in the words of its program."""
    run(("mount", *arguments))


def run(argv: Sequence[str]) -> None:
    """Run an administrator's program; fails with what it says."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": PATH, "LC_ALL": "C"})
    assert done.returncode == 0, f"{argv}: {done.stderr}"


def fill(file: Path, leave: int = 0) -> None:
    """Write to a file until the disk is full but for some bytes."""
    size = 0
    with file.open("wb", buffering=0) as handle:
        for step in (65_536, 4_096, 1):
            try:
                while True:
                    size += handle.write(b"\0" * step)
            except OSError:
                continue
    os.truncate(file, max(0, size - leave))
