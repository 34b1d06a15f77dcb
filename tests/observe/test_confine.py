"""A process that gave up its rights: what it cannot do any more, and that decoding goes on."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.observe.confine import MACHINES, close_in, end_with, give_up_rights
from agent.observe.warm import warm
from agent.wire.dissect import Dissector

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.uname().machine not in MACHINES, reason="no list of system calls for this machine")


def confined(work: Callable[[], object]) -> str:
    """What ``work`` gives, or the error that it raises, in a process without rights."""
    warm()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            give_up_rights()
            why = close_in()
            try:
                found = why or repr(work())
            except OSError as error:
                found = errno.errorcode.get(error.errno or 0, "?")
            except BaseException as error:  # noqa: BLE001 - told to the test
                found = repr(error)
            os.write(write, found.encode()[:4000])
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        found = pipe.read()
    os.waitpid(child, 0)
    return found


def _ptrace() -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.ptrace(16, os.getppid(), 0, 0):
        raise OSError(ctypes.get_errno(), "")


def _runnable_memory() -> None:
    import mmap  # noqa: PLC0415 - loaded before, by the decoders

    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)


@pytest.mark.parametrize(
    "work",
    [
        lambda: os.open("/etc/hostname", os.O_RDONLY),
        lambda: os.open("/tmp/x", os.O_WRONLY | os.O_CREAT),  # noqa: S108 - it must not come to be
        socket.socket,
        socket.socketpair,
        os.fork,
        lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - it must not run
        lambda: os.kill(os.getppid(), 0),
        lambda: os.setuid(0),
        lambda: Path("/nothing").unlink(),
        lambda: os.chdir("/"),
        lambda: os.memfd_create("x"),
        os.pipe,
        _ptrace,
        _runnable_memory,
    ],
)  # fmt: skip
def test_what_it_cannot_do(work: Callable[[], object]) -> None:
    assert confined(work) == "EPERM"


def test_it_has_no_capabilities() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        give_up_rights()
        os.write(write, Path("/proc/thread-self/status").read_bytes())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        words = dict(line.split(":\t", 1) for line in pipe.read().splitlines() if ":\t" in line)
    os.waitpid(child, 0)
    assert {words[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {""}
    assert words["NoNewPrivs"] == "1"


def test_it_ends_with_its_parent() -> None:
    script = (
        "import os, sys, time\nfrom agent.observe.confine import end_with\n"
        "parent = os.getpid()\nchild = os.fork()\n"
        "if not child:\n    assert end_with(parent)\n    print(os.getpid(), flush=True)\n    time.sleep(60)\n"
        "else:\n    time.sleep(60)\n"
    )
    running = subprocess.Popen((sys.executable, "-c", script), cwd=ROOT, stdout=subprocess.PIPE)
    assert running.stdout is not None
    child = int(running.stdout.readline())
    running.kill()
    running.wait()
    # the pipe ends only when the child does
    assert running.stdout.read() == b""
    running.stdout.close()
    assert child != os.getpid()
    assert not end_with(os.getpid())
    ctypes.CDLL(None).prctl(1, 0)


FRAMES = st.binary(max_size=300)


@settings(max_examples=30, deadline=None)
@given(st.lists(FRAMES, max_size=5))
def test_decoding_goes_on_whatever_the_bytes(frames: list[bytes]) -> None:
    def decoded() -> int:
        dissector = Dissector(live=True)
        for number, frame in enumerate(frames):
            for link_type in (1, 101, 113):
                dissector.take(float(number), link_type, frame, "lan0")
        return dissector.frames

    assert confined(decoded) == str(3 * len(frames))
