"""libpcap, as far as it is needed: to compile filters, and to read captures behind them at its own speed.

It is loaded with ``ctypes`` where it is installed; scapy has it too, but takes a third of a second to load.
"""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from agent.errors import GateproofError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES: Final = ("libpcap.so.0.8", "libpcap.so.1", "libpcap.so")
SNAP_LENGTH: Final = 262_144
DIALECTS: Final = {101: 12}
"""Link types of files that libpcap calls otherwise: raw IP."""
_ERROR: Final = 256
_NANOSECONDS: Final = 1
_UNKNOWN_NETMASK: Final = 0xFFFFFFFF
BATCH: Final = 2048
"""Packets that are copied at a time: as many as fit into the second cache of a processor, where they are small."""
_FILE_HEADER: Final = 24
_PACKET_HEADER: Final = 16
_packet = struct.Struct("=4I").unpack_from
"""Seconds, nanoseconds, bytes captured, and on the wire (pcap-savefile(5))."""


class PcapError(GateproofError):
    """libpcap is not there, or refuses; the text is its own."""


class Instruction(ctypes.Structure):
    """``struct bpf_insn``, which is ``struct sock_filter`` of the kernel."""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.POINTER(Instruction)))


def _library() -> ctypes.CDLL:
    for name in NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_open_dead.restype = ctypes.c_void_p
        library.pcap_open_offline_with_tstamp_precision.restype = ctypes.c_void_p
        library.pcap_geterr.restype = ctypes.c_char_p
        for function in (library.fdopen, library.pcap_dump_fopen, library.pcap_dump_file):
            function.restype = ctypes.c_void_p
        library.pcap_dump_ftell.restype = ctypes.c_long
        return library
    raise PcapError("libpcap is not installed (Debian: libpcap0.8)")


class Filter:
    """An expression compiled for a link type; raises PcapError."""

    def __init__(self, expression: str, link_type: int) -> None:
        self._library = _library()
        handle = ctypes.c_void_p(self._library.pcap_open_dead(DIALECTS.get(link_type, link_type), SNAP_LENGTH))
        try:
            with _program(self._library, handle, expression) as program:
                self.instructions = (Instruction * program.length)(*program.instructions[: program.length])
        finally:
            self._library.pcap_close(handle)

    def passes(self, frame: bytes, length: int) -> bool:
        """Whether a frame passes that has ``length`` bytes on the wire."""
        return bool(self._library.bpf_filter(self.instructions, frame, length, len(frame)))


@contextmanager
def _program(library: ctypes.CDLL, handle: ctypes.c_void_p, expression: str) -> Iterator[_Program]:
    program = _Program()
    if library.pcap_compile(handle, ctypes.byref(program), expression.encode(), 1, _UNKNOWN_NETMASK) != 0:
        raise PcapError(f"filter: {library.pcap_geterr(handle).decode()}")
    try:
        yield program
    finally:
        library.pcap_freecode(ctypes.byref(program))


class Offline:
    """A capture file behind a filter: ``(seconds, link type, bytes, length, None)`` for each packet that passes.

    libpcap filters, and copies what passes into memory, a few thousand packets at a time: crossing over to it for each
    packet would take longer than all else.
    """

    def __init__(self, path: str) -> None:
        self._library = _library()
        why = ctypes.create_string_buffer(_ERROR)
        opened = self._library.pcap_open_offline_with_tstamp_precision(path.encode(), _NANOSECONDS, why)
        if not opened:
            raise PcapError(why.value.decode(errors="replace"))
        self._handle = ctypes.c_void_p(opened)
        self.link_type: int = self._library.pcap_datalink(self._handle)
        self.truncated = False
        """Whether the file ended within a packet."""

    def close(self) -> None:
        """Let the file go."""
        self._library.pcap_close(self._handle)

    def frames(self, expression: str) -> Iterator[tuple[float, int, bytes, int, str | None]]:
        """The packets that pass; raises PcapError where the filter or the file is not right."""
        library, handle = self._library, self._handle
        with _program(library, handle, expression) as program:
            if library.pcap_setfilter(handle, ctypes.byref(program)) != 0:
                raise PcapError(library.pcap_geterr(handle).decode())
        link_type = self.link_type
        with _memory(library, handle) as (file, dumper):
            stream = ctypes.c_void_p(library.pcap_dump_file(dumper))
            copy = ctypes.cast(library.pcap_dump, ctypes.c_void_p)
            at = _FILE_HEADER
            while True:
                count = library.pcap_dispatch(handle, BATCH, copy, dumper)
                library.pcap_dump_flush(dumper)
                data = os.pread(file, library.pcap_dump_ftell(dumper), 0)
                library.rewind(stream)
                end = len(data)
                while at < end:
                    seconds, fraction, captured, length = _packet(data, at)
                    at += _PACKET_HEADER + captured
                    yield seconds + fraction / 1e9, link_type, data[at - captured : at], length, None
                if count < 0:  # what came before the broken packet was copied all the same
                    why = library.pcap_geterr(handle).decode()
                    self.truncated = why.startswith("truncated dump file")
                    if not self.truncated:
                        raise PcapError(why)
                    return
                if count == 0:
                    return
                at = 0


@contextmanager
def _memory(library: ctypes.CDLL, handle: ctypes.c_void_p) -> Iterator[tuple[int, ctypes.c_void_p]]:
    """A file in memory that libpcap writes packets to."""
    file = os.memfd_create("packets", os.MFD_CLOEXEC)
    dumper = ctypes.c_void_p(library.pcap_dump_fopen(handle, library.fdopen(file, b"w+")))
    try:
        yield file, dumper
    finally:
        library.pcap_dump_close(dumper)
