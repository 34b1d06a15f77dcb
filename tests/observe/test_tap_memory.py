"""The tap's memory stays below its limit in one flood after another."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.observe.tap_cables import Cable, cable, ethernet, ipv4

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[2]
LIMIT: Final = 40 << 10
"""KiB."""
COUNT: Final = 8_000
"""Packets of one flood: eight times as many as any table holds."""
PATIENCE: Final = 30.0

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces take root")


def tcp(random: Random, payload: bytes = b"", flags: int = 0x18, port: int = 443) -> bytes:
    source, sequence = random.randrange(1024, 65536), random.getrandbits(32)
    return struct.pack(">HHIIBBHHH", source, port, sequence, 0, 0x50, flags, 65535, 0, 0) + payload


def udp(random: Random, payload: bytes, port: int) -> bytes:
    return struct.pack(">HHHH", random.randrange(1024, 65536), port, 8 + len(payload), 0) + payload


def label(random: Random, length: int = 12) -> bytes:
    return bytes(random.choices(b"abcdefghijklmnop", k=length))


def question(random: Random, *parent: bytes) -> bytes:
    name = b"".join(bytes((len(one),)) + one for one in (label(random), *parent))
    return struct.pack(">HHHHHH", random.getrandbits(16), 0x100, 1, 0, 0, 0) + name + b"\0\0\1\0\1"


def hello(random: Random) -> bytes:
    name = label(random) + b".livechat.com"
    extensions = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    extensions += struct.pack(">HH", 0xFE0D, 900) + random.randbytes(900)
    body = b"\x03\x03" + random.randbytes(32) + b"\0\0\2\x13\x01\1\0" + struct.pack(">H", len(extensions)) + extensions
    handshake = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\1" + struct.pack(">H", len(handshake)) + handshake


FLOODS: Final[dict[str, Callable[[Random], tuple[int, bytes]]]] = {
    "SYN": lambda random: (6, tcp(random, flags=2)),
    "DNS": lambda random: (17, udp(random, question(random, label(random), b"com"), 53)),
    "DNS of required names": lambda random: (17, udp(random, question(random, b"livechat", b"com"), 53)),
    "halves of hellos": lambda random: (6, tcp(random, hello(random)[:600])),
    "hellos": lambda random: (6, tcp(random, hello(random))),
    "halves of requests": lambda random: (6, tcp(random, b"GET /" + label(random, 900) + b" HTTP/1.1\r\n", port=80)),
    "QUIC": lambda random: (
        17,
        udp(random, b"\xc3\0\0\0\1\x08" + random.randbytes(8) + b"\0\0\x44\xb0" + random.randbytes(1180), 443),
    ),
    "ICMP": lambda random: (1, b"\3\x0d\0\0\0\0\0\0" + ipv4(6, tcp(random, flags=2))[:28]),
    "RST": lambda random: (6, tcp(random, flags=4)),
}


def frames(flood: Callable[[Random], tuple[int, bytes]]) -> Iterator[bytes]:
    random = Random(5)
    for _ in range(COUNT):
        protocol, payload = flood(random)
        client, server = (f"{net}.{random.randrange(256)}.{random.randrange(1, 255)}" for net in ("192.168", "198.51"))
        yield ethernet(ipv4(protocol, payload, client, server))


def fragments(_: Random) -> Iterator[bytes]:
    random = Random(6)
    for number in range(COUNT // 4):
        head = bytearray(ipv4(17, random.randbytes(1200)))
        head[4:8] = struct.pack(">HH", number, 0x2000)
        yield ethernet(bytes(head))


def peak(process: subprocess.Popen[bytes]) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0])


def watching(laid: Cable, folder: Path) -> subprocess.Popen[bytes]:
    """The daemon's tap, once it watches."""
    config = folder / "gateproof.toml"
    config.write_text('[observe]\ninterfaces = ["lan0"]\n')
    argv = (sys.executable, "-P", "-m", "agent.observe.resident", str(config), str(os.getpid()))
    with laid.near.entered(), (folder / "said").open("wb") as said:
        process = subprocess.Popen(argv, stdout=said, env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=folder)
    end = time.monotonic() + PATIENCE
    while b"watching" not in (folder / "said").read_bytes():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    return process


def test_no_flood_takes_more_memory_than_a_tap_may(tmp_path: Path) -> None:
    with cable() as laid:
        process = watching(laid, tmp_path)
        try:
            peaks = {"idle": peak(process)}
            for name, flood in FLOODS.items():
                laid.send(frames(flood))
                peaks[name] = peak(process)
            laid.send(fragments(Random()))
            time.sleep(1.0)
            peaks["fragments"] = peak(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
    assert max(peaks.values()) < LIMIT, peaks
    assert b'"visibility"' in (tmp_path / "said").read_bytes(), "it went on to the end"
