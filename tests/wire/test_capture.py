"""Capture files: every form, cut anywhere, and nonsense."""

from __future__ import annotations

import gzip
import io
import os
import pathlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapWriter, RawPcapNgReader, RawPcapReader

from agent.errors import Malformed
from agent.wire.capture import RECORD_LIMIT, Capture
from agent.wire.capture_blocks import BLOCK
from agent.wire.capture_pcapng import BLOCK_LIMIT, INTERFACE_LIMIT

CAPTURES = pathlib.Path("/work/shared/captures")
TIME = 1_700_000_000
FRAMES = [bytes([number % 256]) * (60 + number) for number in range(40)]


def _pcap(order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1, extra: bytes = b"") -> bytes:
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)]
    for number, frame in enumerate(FRAMES):
        parts += [struct.pack(f"{order}IIII", TIME, number, len(frame), 1500), extra, frame]
    return b"".join(parts)


def _block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def _option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def _section(order: str) -> bytes:
    return _block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))


def _interface(order: str, link: int, options: bytes = b"", snap: int = 0) -> bytes:
    return _block(order, 1, struct.pack(f"{order}HHI", link, 0, snap) + options)


def _packet(order: str, interface: int, ticks: int, frame: bytes, original: int = 1500) -> bytes:
    return _block(
        order, 6, struct.pack(f"{order}IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), original) + frame
    )


def _pcapng(order: str = "<") -> bytes:
    packets = [_packet(order, 0, TIME * 1_000_000 + number, frame) for number, frame in enumerate(FRAMES)]
    return _section(order) + _interface(order, 1, _option(order, 2, b"lan") + bytes(4)) + b"".join(packets)


def _frames(data: bytes) -> list[tuple[float, int, bytes, int, str | None]]:
    capture = Capture(io.BytesIO(data).read, len(data))
    found = list(capture)
    assert capture.position == capture.size == len(data)
    assert not capture.truncated
    return found


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "ticks", "extra"), [(0xA1B2C3D4, 1e6, 0), (0xA1B23C4D, 1e9, 0), (0xA1B2CD34, 1e6, 8)]
)
def test_pcap(order: str, magic: int, ticks: float, extra: int) -> None:
    data = _pcap(order, magic, 0xF4000071, bytes(extra))
    assert _frames(data) == [(TIME + number / ticks, 113, frame, 1500, None) for number, frame in enumerate(FRAMES)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng(order: str) -> None:
    expected = [((TIME * 1_000_000 + number) / 1e6, 1, frame, 1500, "lan") for number, frame in enumerate(FRAMES)]
    assert _frames(_pcapng(order)) == expected


def test_pcapng_of_several_sections_and_interfaces() -> None:
    nanoseconds = _option("<", 9, b"\x09") + _option("<", 2, b"wan\0")
    binary = _option("<", 9, b"\x94") + _option("<", 14, struct.pack("<q", -3600))
    data = (
        _section("<")
        + _interface("<", 1, nanoseconds)
        + _interface("<", 276, binary)
        + _block("<", 5, bytes(12))
        + _packet("<", 0, TIME * 10**9 + 5 * 10**8, b"one")
        + _packet("<", 1, TIME * 2**20, b"two")
        + _block("<", 3, struct.pack("<I", 5) + b"three")
        + _block("<", 2, struct.pack("<HHIIII", 1, 0, 0, 1 << 20, 4, 9) + b"four")
        + _section(">")
        + _interface(">", 101, snap=3)
        + _packet(">", 0, TIME * 1_000_000, b"five")
        + _block(">", 3, struct.pack(">I", 100) + b"six")
        + _block(">", 0x0BAD, b"a block that nobody knows")
    )
    assert _frames(data) == [
        (TIME + 0.5, 1, b"one", 1500, "wan"),
        (TIME - 3600.0, 276, b"two", 1500, None),
        (TIME - 3600.0, 1, b"three", 5, "wan"),
        (1.0 - 3600, 276, b"four", 9, None),
        (float(TIME), 101, b"five", 1500, None),
        (float(TIME), 101, b"six", 100, None),
    ]


@pytest.mark.parametrize("data", [_pcap(), _pcap(">"), _pcapng(), _pcapng(">")])
def test_gzip_of_several_members(data: bytes) -> None:
    members = gzip.compress(data[:99]) + gzip.compress(b"") + gzip.compress(data[99:]) + bytes(512)
    assert _frames(members) == _frames(data)
    assert _frames(gzip.compress(data) + b"refuse") == _frames(data)


def test_gzip_that_grows_a_thousandfold() -> None:
    record = struct.pack("<IIII", TIME, 0, RECORD_LIMIT, RECORD_LIMIT) + bytes(RECORD_LIMIT)
    packed = gzip.compress(_pcap()[:24] + record * 40)
    assert len(packed) < BLOCK
    assert [len(frame[2]) for frame in _frames(packed)] == [RECORD_LIMIT] * 40


@pytest.mark.parametrize("data", [_pcap(), _pcapng(), gzip.compress(_pcap(), mtime=0)])
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_pipe_gives_what_it_has(data: bytes, size: int) -> None:
    file = io.BytesIO(data)
    assert list(Capture(lambda _: file.read(size))) == _frames(data)


@pytest.mark.parametrize("data", [_pcap(), _pcapng()])
def test_cut_anywhere_gives_all_whole_frames(data: bytes) -> None:
    whole = _frames(data)
    counts = set()
    for size in range(60, len(data), 7):
        capture = Capture(io.BytesIO(data[:size]).read)
        found = list(capture)
        assert found == whole[: len(found)]
        counts.add((len(found), capture.truncated))
    assert {count for count, truncated in counts if truncated} == set(range(len(whole)))


def test_cut_gzip() -> None:
    # it cannot be compressed, so that each half has its frames
    noise = _pcap()[:24] + b"".join(struct.pack("<IIII", TIME, 0, 500, 500) + os.urandom(500) for _ in range(100))
    packed = gzip.compress(noise)
    capture = Capture(io.BytesIO(packed[: len(packed) // 2]).read)
    assert 40 < len(list(capture)) < 60
    assert capture.truncated
    # the last member ends in its trailer
    capture = Capture(io.BytesIO(packed[:-4]).read)
    assert len(list(capture)) == 100
    assert capture.truncated


def test_a_header_alone() -> None:
    assert _frames(_pcap()[:24]) == []
    assert _frames(_section("<")) == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (b"GET / HTTP/1.1\r\n\r\n", "neither pcap nor pcapng"),
        (_pcap()[:20], "24 bytes"),
        (struct.pack("<IHHiIII", 0xA1B2C3D4, 543, 0, 0, 0, 0, 1), "version 543"),
        (_pcap()[:24] + struct.pack("<IIII", TIME, 0, RECORD_LIMIT + 1, 9), "a record of 262145 bytes"),
        (b"\x0a\x0d\x0d\x0a" + bytes(20), "byte order"),
        (b"\x0a\x0d\x0d\x0a", "byte order"),
        (_section("<") + struct.pack("<III", 1, 8, 8), "a block of 8 bytes"),
        (_section("<") + struct.pack("<III", 1, BLOCK_LIMIT + 4, 0), "a block of 16777220 bytes"),
        (_section("<") + struct.pack("<IIII", 5, 16, 0, 12), "does not end so"),
        (_section("<") + _block("<", 6, bytes(8)), "type 6 has 20 bytes"),
        (_section("<") + _block("<", 1, bytes(4)), "type 1 has 16 bytes"),
        (_section("<") + _block("<", 3, bytes(8)), "no interface"),
        (_section("<") + _packet("<", 0, 0, b"one"), "interface 0 is not described"),
        (
            _section("<") + _interface("<", 1) + _block("<", 6, struct.pack("<IIIII", 0, 0, 0, 99, 99)),
            "99 bytes of a frame",
        ),
        (_section("<") + _interface("<", 1) * (INTERFACE_LIMIT + 1), "more than"),
        (b"\x1f\x8b" + bytes(100), "damaged gzip"),
        (gzip.compress(b"no capture", mtime=0), "neither pcap nor pcapng"),
    ],
)
def test_what_is_no_capture(data: bytes, text: str) -> None:
    with pytest.raises(Malformed, match=text):
        list(Capture(io.BytesIO(data).read))


@given(
    st.sampled_from([_pcap(), _pcapng(), gzip.compress(_pcap(), mtime=0), gzip.compress(_pcapng(">"))]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 5000),
)
def test_mutated_captures_end_in_frames_or_our_error(data: bytes, changes: list[tuple[int, int]], size: int) -> None:
    changed = bytearray(data)
    for at, value in changes:
        changed[at % len(changed)] = value
    try:
        found = list(Capture(io.BytesIO(bytes(changed[:size])).read))
    except Malformed:
        return
    assert len(found) <= 1000


@given(
    st.sampled_from([b"", b"\xd4\xc3\xb2\xa1\2\0", b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a", b"\x1f\x8b\x08"]),
    st.binary(),
)
def test_random_bytes_end_in_frames_or_our_error(begin: bytes, data: bytes) -> None:
    try:
        list(Capture(io.BytesIO(begin + data).read))
    except Malformed:
        return


def test_what_scapy_writes(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "made.pcap"
    made = [
        Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP() / UDP(sport=number) for number in range(1, 9)
    ]
    with PcapWriter(str(path), nano=True, linktype=1) as writer:
        writer.write(made)
    with path.open("rb") as file:
        assert [frame[2] for frame in Capture(file.read)] == [bytes(frame) for frame in made]


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="no captures here")
@pytest.mark.parametrize("name", sorted(path.name for path in CAPTURES.glob("*.pcap*")) if CAPTURES.is_dir() else [])
def test_captures_have_the_frames_that_scapy_reads(name: str) -> None:
    path = CAPTURES / name
    with RawPcapReader(str(path)) as reader:
        read = list(reader)
        sections = isinstance(reader, RawPcapNgReader)
    with path.open("rb") as file:
        capture = Capture(file.read)
        found = list(capture)
    assert not capture.truncated
    assert [frame[2] for frame in found] == [data for data, _ in read]
    assert [frame[3] for frame in found] == [told.wirelen for _, told in read]
    told: Any
    for frame, (_, told) in zip(found, read, strict=True):
        seconds = ((told.tshigh << 32) + told.tslow) / told.tsresol if sections else told.sec + told.usec / 1e6
        assert frame[0] == pytest.approx(seconds, abs=1e-6)
