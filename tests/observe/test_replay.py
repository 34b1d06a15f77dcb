"""``gateproof replay``: captures in, records or a table out."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.observe.pcap import Filter, PcapError
from tests.wire.test_dissect import frame, opening, segments
from tests.wire.test_tls import answer, hello, record

SHARED = Path(__file__).parents[3] / "shared" / "captures"


def capture(frames: list[bytes]) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<IIII", at, 0, len(one), len(one)) + one for at, one in enumerate(frames))


TALK = [*opening(), *segments(True, record(hello())), *segments(False, record(answer()))]  # noqa: FBT003 - who speaks
FRAMES = [frame(step) for step in TALK]
BULK = [frame((False, 900 + 1000 * at, "A", b"\x17\x03\x03\x03\xe3" + bytes(995))) for at in range(20)]


def replay(path: Path, *options: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    name = "-" if data is not None else str(path)
    return subprocess.run(
        (sys.executable, "-m", "agent", "replay", name, *options), input=data, capture_output=True, check=False
    )


def records(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("piped", [False, True])
def test_records(tmp_path: Path, packed: bool, piped: bool) -> None:
    data = capture(FRAMES)
    data = gzip.compress(data) if packed else data
    path = tmp_path / "a.pcap"
    path.write_bytes(data)
    first, second, outcome = records(replay(path, "--format", "jsonl", data=data if piped else None))
    assert (first["type"], first["event"], first["sni"], first["src_port"]) == (
        "tls",
        "client_hello",
        "api.livechat.com",
        40000,
    )
    assert (second["event"], second["version"], second["transport"]) == ("server_hello", "TLSv1.2", "tcp")
    assert (outcome["type"], outcome["class"], outcome["domain"]) == ("outcome", "ok", "*.livechat.com")


def test_a_table_for_people(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(FRAMES))
    text = replay(path).stdout.decode()
    assert "tls client hello" in text
    assert "*.livechat.com  ok: 1" in text
    assert "api.livechat.com" in text
    assert f"{len(FRAMES)} frames" in text
    path.write_bytes(capture([]))
    assert "No messages" in replay(path).stdout.decode()


def test_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(capture(FRAMES))
    done = replay(tmp_path / "a.pcap", "--format", "jsonl", "--output", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert len((tmp_path / "out").read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "empty"), (b"not a capture at all, really", "no capture"), (capture(FRAMES)[:-7], "")]
)
def test_what_is_no_capture(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(data)
    done = replay(path, "--format", "jsonl")
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert str(path) in lines[0]
    assert done.returncode == (2 if words else 0)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = replay(tmp_path / "none.pcap")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def libpcap() -> bool:
    try:
        Filter("ip", 1)
    except PcapError:
        return False
    return True


@pytest.mark.skipif(not libpcap(), reason="needs libpcap: packaging/test --install-peers")
@pytest.mark.parametrize("packed", [False, True])
def test_live_leaves_application_data_out_and_nothing_else(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.pcap"
    data = capture([*FRAMES, *BULK])
    path.write_bytes(gzip.compress(data) if packed else data)
    whole, live = (records(replay(path, "--format", "jsonl", *more)) for more in ((), ("--filter", "live")))
    assert [one.get("event", one["type"]) for one in live] == [one.get("event", one["type"]) for one in whole]
    text = replay(path, "--filter", "live").stdout.decode()
    assert f"\n{len(FRAMES) - 1} frames" in text, "an ACK without data is left out as well"


@pytest.mark.skipif(not SHARED.exists(), reason="no captures beside the project")
def test_the_captures_say_what_independent_dissectors_see(tmp_path: Path) -> None:
    command = f"{sys.executable} -m agent replay {{pcap}} --format jsonl"
    misses = tmp_path / "misses"
    subprocess.run(
        (sys.executable, SHARED / "compare.py", "--cmd", command, "--misses", misses),
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    missed = [json.loads(line) for line in misses.read_text().splitlines()]
    assert not [one for one in missed if one["kind"] == "miss"]
