"""``gateproof replay``: logs in, the records of captures out."""

from __future__ import annotations

import gzip
import io
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.cli import main
from agent.observe.logs import LONGEST
from tests.observe.test_logs import LINES, NOW, SQUID

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"\n".join(LINES.values()) + b"\nnothing that anybody knows\n\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "syslog"
    path.write_bytes(TEXT)
    os.utime(path, (NOW, NOW))
    return path


def records(capfdbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, object]]:
    return [orjson.loads(one) for one in capfdbinary.readouterr().out.splitlines()]


@pytest.mark.parametrize("packed", [False, True])
def test_a_log_gives_records_like_a_capture(log: Path, capfdbinary: pytest.CaptureFixture[bytes], packed: bool) -> None:
    if packed:
        log.write_bytes(gzip.compress(TEXT))
    assert main(["replay", str(log), "--format", "jsonl"]) == 0
    said = capfdbinary.readouterr()
    found = [orjson.loads(one) for one in said.out.splitlines()]
    assert {one["sensor"] for one in found} == set(LINES)
    assert {one["type"] for one in found} == {"dns", "tls", "http", "firewall"}
    (denied,) = [one for one in found if one["sensor"] == "squid" and one["event"] == "response"]
    assert (denied["dest_ip"], denied["src_ip"], denied["status"]) == ("10.1.2.3", "", 403)
    assert b"syslog: 1 of 11 lines were not understood, and left out\n" in said.err
    assert b"what its dates leave out is taken from" in said.err


def test_dates_without_a_year_are_before_the_files_last_change(
    log: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for year in (2021, 2026):
        changed = datetime(year, 12, 1, tzinfo=UTC).timestamp()
        log.write_bytes(LINES["kernel"] + b"\n")
        os.utime(log, (changed, changed))
        assert main(["replay", str(log), "--format", "jsonl"]) == 0
        (found,) = records(capfdbinary)
        assert changed - 7 * 86400 < float(str(found["timestamp"])) < changed


def test_the_table_tells_what_was_not_understood(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(log)]) == 0
    said = capsys.readouterr().out
    assert "firewall logged" in said
    assert "HTTP 403: 1" in said
    assert said.endswith("\n11 lines, 1 of them without traffic, 1 not understood\n")


def test_a_pipe_is_read_like_a_file(
    monkeypatch: pytest.MonkeyPatch, log: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    reading, writing = os.pipe()
    os.write(writing, log.read_bytes())
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe, io.TextIOWrapper(pipe) as text:
        monkeypatch.setattr("sys.stdin", text)
        assert main(["replay", "-", "--format", "jsonl"]) == 0
    assert {one["sensor"] for one in records(capfdbinary)} == set(LINES)


def test_a_layout_of_ones_own_comes_from_the_configuration(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    config, path = tmp_path / "squid.conf", tmp_path / "log"
    config.write_text(f"http_port 3128\nlogformat mine {SQUID}\n", encoding="ascii")
    path.write_bytes(b"1795714804.007 10.1.2.3 200 CONNECT api.livechat.com:443 sni=api.livechat.com\n")
    assert main(["replay", str(path), "--format", "jsonl", "--layout", str(config)]) == 0
    assert [(one["type"], one.get("sni")) for one in records(capfdbinary)] == [
        ("tls", "api.livechat.com"), ("http", None), ("http", None),
    ]  # fmt: skip


def test_evidence_of_a_log_is_kept(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path, evidence = tmp_path / "eve.json", tmp_path / "evidence"
    path.write_bytes(
        LINES["eve"].replace(b"www.text.com", b"api.livechat.com").replace(b"203.0.113.9", b"8.31.1.1") + b"\n"
    )
    assert main(["replay", str(path), "--format", "jsonl", "--evidence", str(evidence)]) == 0
    assert records(capfdbinary)
    assert b"8.31.1.1" in evidence.read_bytes()


def test_a_line_without_end_takes_no_room(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_bytes(LINES["squid"] + b"\n" + b"x" * (3 * LONGEST) + b"\n" + LINES["squid"])
    assert main(["replay", str(log)]) == 0
    assert capsys.readouterr().out.endswith("\n3 lines, 0 of them without traffic, 1 not understood\n")


def test_a_cut_archive_is_read_up_to_there(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = gzip.compress(b"".join(b"%d\n" % number + LINES["squid"] + b"\n" for number in range(5000)))
    log.write_bytes(whole[:-200])
    assert main(["replay", str(log)]) == 0
    said = capsys.readouterr()
    assert "http request" in said.out
    assert "ends within" in said.err


@pytest.mark.parametrize(
    ("data", "options", "expected"),
    [
        (b"nothing\nat all\n", (), "no log of a kind that is known"),
        (b"", (), "the file is empty"),
        (TEXT, ("--filter", "live"), "--filter is for captures"),
        (TEXT, ("--layout", "@DATA"), "--layout: no layout of a log"),
        (TEXT, ("--layout", "/nonexistent"), "/nonexistent: cannot be read"),
        (gzip.compress(TEXT)[:-8] + b"\0" * 8, (), "the compressed log is damaged"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, data: bytes, options: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    path.write_bytes(data)
    asked = [one.replace("@DATA", str(path)) for one in options]
    assert main(["replay", str(path), *asked]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1
