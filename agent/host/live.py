"""The running host."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.host.allowed import DENIED, FILES, UNSUPPORTED, is_configuration, may_ask, may_read, may_select
from agent.host.inside import open_to_read, split
from agent.host.processes import running
from agent.snapshot import Artifact, Command, Files, Processes, Rows, Status, Want
from agent.snapshot.redact import redact
from agent.snapshot.table import artifact_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

TIMEOUT: Final = 20.0
"""Seconds for one command."""
OUTPUT_LIMIT: Final = 256 << 20
FILE_LIMIT: Final = 128 << 20
"""Bytes; more is a failure, not a cut."""
CHUNK: Final = 1 << 16
CAP_NET_ADMIN: Final = 12  # include/uapi/linux/capability.h
PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


class LiveHost:
    """Answers questions by running the allowed commands and reading the allowed files."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout

    def answer(self, want: Want) -> tuple[Artifact, ...]:
        """Give the answer to one question; a pattern of files gives one artifact for each file."""
        match want.ask:
            case Command():
                return (self._run(want.name, want.ask.argv, want.remedy),)
            case Files():
                return tuple(self._files(want.ask.pattern, want.remedy))
            case Processes():
                return (running(want),)
            case Rows():
                return (self._rows(want.ask, want.remedy),)

    def _run(self, name: str, argv: tuple[str, ...], remedy: str) -> Artifact:
        if not may_ask(argv):
            raise ValueError(f"command is not on the list of what may be asked: {argv}")
        program = shutil.which(argv[0], path=PATH)
        if program is None:
            return Artifact(name, Status.ABSENT, detail=f"{argv[0]} is not installed", remedy=remedy)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(  # noqa: S603 - a fixed command, never a shell
                (program, *argv[1:]),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={"PATH": PATH, "LC_ALL": "C"},
                start_new_session=True,
            )
            try:
                code = process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                detail = f"{' '.join(argv)} gave no answer within {self._timeout:g} s"
                return Artifact(name, Status.TIMEOUT, detail=detail, remedy=remedy)
            size = out.seek(0, os.SEEK_END)
            if size > OUTPUT_LIMIT:
                return Artifact(name, Status.FAILED, detail=f"{argv[0]} printed {size} bytes, more than are read")
            out.seek(0)
            err.seek(0)
            return _classified(name, argv, remedy, (code, out.read(), err.read(65536).decode(errors="replace")))

    def _files(self, pattern: str, remedy: str) -> Iterator[Artifact]:
        found = sorted(glob.glob(pattern)) if may_read(pattern) else []  # noqa: PTH207 - the pattern is absolute
        for path in found or [pattern]:
            target = _led_to(path)
            if target == os.devnull and may_read(pattern):  # systemd's way to switch a file off
                yield Artifact(f"files{path}", Status.OK)
            # a link does not make a secret readable; what the kernel says is on our list by name
            elif may_read(pattern) and (pattern in FILES or is_configuration(target)):
                yield _read(path, remedy)
            else:
                yield Artifact(f"files{path}", Status.DENIED, detail="not a place that configuration is read from")

    def _rows(self, ask: Rows, remedy: str) -> Artifact:
        """Ask a database where it may be asked; a link does not lead elsewhere."""
        if not may_select(ask):
            raise ValueError(f"table is not on the list of what may be asked: {ask}")
        name = artifact_name(ask.path, ask.table)
        if not (is_configuration(ask.path) and is_configuration(_led_to(ask.path))):
            return Artifact(name, Status.DENIED, detail="not a place that configuration is read from")
        from agent.host.database import rows  # noqa: PLC0415 - with sqlite3, which few hosts need

        found = rows(ask, self._timeout, OUTPUT_LIMIT)
        return replace(found, remedy=remedy or "run as root") if found.status is Status.DENIED else found


def _classified(name: str, argv: tuple[str, ...], remedy: str, result: tuple[int, bytes, str]) -> Artifact:
    """Turn exit status and messages into a status; an empty answer of an unprivileged user is no answer."""
    code, out, messages = result
    said = next((line.strip() for line in messages.splitlines() if line.strip()), "")
    if DENIED.search(messages):
        return Artifact(name, Status.DENIED, detail=said, remedy=remedy)
    if code != 0:
        if UNSUPPORTED.search(messages):
            return Artifact(name, Status.ABSENT, detail=said)
        return Artifact(name, Status.FAILED, detail=said or f"{argv[0]} ended with status {code}", remedy=remedy)
    if not out.strip() and not _may_list() and "save" in argv[0]:
        # iptables-legacy-save prints nothing at all to users who may not read /proc/net/ip_tables_names
        return Artifact(name, Status.DENIED, detail=f"{argv[0]} shows nothing to this user", remedy=remedy)
    return Artifact(name, Status.OK, redact(out))


def _may_list() -> bool:
    """Whether this process has CAP_NET_ADMIN, without which listings may be empty instead of refused."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_NET_ADMIN & 1)
    return False


def _led_to(path: str) -> str:
    """Where links lead; those in containers are not followed, and one that is gone by now leads nowhere."""
    try:
        return path if split(path)[0] else os.path.realpath(path)
    except OSError:
        return path


def _limited(file: FileIO) -> bytes:
    """Up to one byte more than the limit, in pieces: /proc/sys allocates as much as one read asks for."""
    pieces: list[bytes] = []
    left = FILE_LIMIT + 1
    while left > 0 and (piece := file.read(min(CHUNK, left))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _read(path: str, remedy: str) -> Artifact:
    name = f"files{path}"
    try:
        with os.fdopen(open_to_read(path), "rb", buffering=0) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                return Artifact(name, Status.FAILED, detail="not a regular file")
            data = _limited(file)
    except (FileNotFoundError, NotADirectoryError):
        return Artifact(name, Status.ABSENT, detail="no such file")
    except PermissionError:
        return Artifact(name, Status.DENIED, detail="permission denied", remedy=remedy or "run as root")
    except OSError as error:
        linked = error.errno == errno.ELOOP and split(path)[0]
        detail = "a link in a container is not followed" if linked else error.strerror or str(error)
        return Artifact(name, Status.FAILED, detail=detail)
    if len(data) > FILE_LIMIT:
        return Artifact(name, Status.FAILED, detail=f"larger than {FILE_LIMIT} bytes")
    return Artifact(name, Status.OK, redact(data))
