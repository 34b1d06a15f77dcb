"""Network namespaces without names: they live while this process holds them open, and never leak.

Two runs side by side cannot meet, and nothing is left behind, however the process ends.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h
THREAD_NAMESPACE = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


class ProgramFailed(Exception):  # noqa: N818 - it says what happened
    """A program in a namespace ended with an error; the text is its standard error."""


def _call(name: str, *arguments: int) -> None:
    """Call libc: os.unshare and os.setns exist only from Python 3.12 on."""
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


class Namespace:
    """One network namespace of our own."""

    def __init__(self) -> None:
        home = os.open(THREAD_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("unshare", CLONE_NEWNET)
            self.fd = os.open(THREAD_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
            _call("setns", home, CLONE_NEWNET)
        finally:
            os.close(home)

    @property
    def path(self) -> str:
        """A path that other programs can open while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Put the calling thread inside: sockets made and programs started there belong to it."""
        home = os.open(THREAD_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("setns", self.fd, CLONE_NEWNET)
            try:
                yield
            finally:
                _call("setns", home, CLONE_NEWNET)
        finally:
            os.close(home)

    def run(self, argv: Sequence[str], text: str = "") -> str:
        """Run a program inside and give its standard output; raises ProgramFailed."""
        with self.entered():
            done = subprocess.run(
                argv,
                input=text.encode(),
                capture_output=True,
                check=False,
                timeout=60,
                # iptables-legacy has one lock for the whole machine, which other tests may hold: one for each namespace
                env={**os.environ, "LC_ALL": "C", "XTABLES_LOCKFILE": self.path},
            )
        if done.returncode != 0:
            raise ProgramFailed(f"{' '.join(argv)}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace")

    def close(self) -> None:
        """Let go: the kernel takes the namespace down."""
        os.close(self.fd)
