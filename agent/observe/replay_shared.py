"""A capture read by two processes, each with the half of the hosts: libpcap skips the other half at its own speed."""

from __future__ import annotations

import os
import struct
import traceback
from contextlib import contextmanager
from fcntl import F_SETPIPE_SZ, fcntl
from typing import TYPE_CHECKING, Final

from agent.errors import GateproofError
from agent.observe.filters import ETHERNET, expression
from agent.observe.pcap import Offline, PcapError
from agent.observe.records import line
from agent.wire.dissect import Dissector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LEAST: Final = 16 << 20
"""Bytes of a capture from where on a second process pays."""
BLOCK: Final = 4096
"""Records that are given, or handed over, in one piece."""
PIPE: Final = 1 << 20
"""Bytes that the other process may be ahead."""
_head = struct.Struct("=II")
# the last bytes of both addresses together, whatever the direction: of IPv4 and IPv6, with and without a tag
_SHARE: Final = " or ".join(
    f"({kind} and (ether[{one}] + ether[{other}]) & 1 = 1)"
    for kind, one, other in (
        ("ether[12:2] = 0x0800", 29, 33),
        ("ether[12:2] = 0x86dd", 37, 53),
        ("ether[12:2] = 0x8100 and ether[16:2] = 0x0800", 33, 37),
        ("ether[12:2] = 0x8100 and ether[16:2] = 0x86dd", 41, 57),
    )
)

Record = tuple[float, bytes]
"""Seconds since 1970, and the line."""


def pays(path: str, size: int) -> bool:
    """Whether two processes read a capture sooner than one, and see the same in it."""
    if size < LEAST or len(os.sched_getaffinity(0)) < 2:
        return False
    try:
        offline = Offline(path)
    except PcapError:  # compressed, or with several link types
        return False
    offline.close()
    return offline.link_type == ETHERNET


class SharedReplay:
    """The records of a capture behind the filter of live observation."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.truncated = False
        """Whether the capture ended within a frame."""

    def blocks(self) -> Iterator[bytes]:
        """All of them in the order of time, many in one piece; raises PcapError or GateproofError.

        Where two have the same time, those of one half come first.
        """
        offline = Offline(self._path)
        with _other(self._path) as theirs:
            out: list[bytes] = []
            first = next(theirs, None)
            for at, data in _records(offline, f"not ({_SHARE})"):
                while first is not None and first[0] < at:
                    out.append(first[1])
                    first = next(theirs, None)
                out.append(data)
                if len(out) >= BLOCK:
                    yield b"".join(out)
                    out.clear()
            if first is not None:
                out.append(first[1])
            out += (data for _, data in theirs)
            yield b"".join(out)
        self.truncated = offline.truncated


def _records(offline: Offline, share: str) -> Iterator[Record]:
    """What one half says."""
    dissector = Dissector(live=True)
    take, at = dissector.take, 0.0
    for at, link_type, frame, _, iface in offline.frames(f"({share}) and ({expression(ETHERNET)})"):
        for one in take(at, link_type, frame, iface):
            yield at, line(one)
    for one in dissector.finish(at):
        yield at, line(one)


@contextmanager
def _other(path: str) -> Iterator[Iterator[Record]]:
    """The other half, from a process of its own."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _work(path, write)
    os.close(write)
    ended = False
    try:
        with open(read, "rb", buffering=PIPE) as file:  # noqa: PTH123 - a descriptor
            fcntl(file, F_SETPIPE_SZ, PIPE)
            yield _received(file)
        ended = True
    finally:
        _, status = os.waitpid(pid, 0)
        if ended and status:
            raise GateproofError(f"{path}: the process that read half of it ended with an error")


def _work(path: str, write: int) -> None:
    """Write records until all are written, and end without what the parent would do at its end."""
    status = 1
    try:
        with open(write, "wb", buffering=0) as file:
            waiting: list[Record] = []
            for record in _records(Offline(path), _SHARE):
                waiting.append(record)
                if len(waiting) >= BLOCK:
                    _send(file, waiting)
            _send(file, waiting)
        status = 0
    except BrokenPipeError:  # nobody wants more of it
        status = 0
    except BaseException:  # noqa: BLE001 - the top of a worker: tell everything
        traceback.print_exc()
    finally:
        os._exit(status)


def _send(file: BinaryIO, waiting: list[Record]) -> None:
    count = len(waiting)
    lines = [data for _, data in waiting]
    whole = b"".join(lines)
    data = memoryview(
        _head.pack(count, len(whole))
        + struct.pack(f"={count}d{count}I", *(at for at, _ in waiting), *map(len, lines))
        + whole
    )
    while data:
        data = data[file.write(data) :]
    waiting.clear()


def _received(file: BinaryIO) -> Iterator[Record]:
    while head := file.read(_head.size):
        count, size = _head.unpack(head)
        numbers = struct.unpack(f"={count}d{count}I", file.read(count * 12))
        whole = file.read(size)
        begin = 0
        for at, length in zip(numbers[:count], numbers[count:], strict=True):
            yield at, whole[begin : begin + length]
            begin += length
