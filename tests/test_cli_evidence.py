"""From a capture to a finding, on the command line."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import dns.message
import dns.rrset
import orjson
import pytest

from agent.cli import main
from agent.snapshot import load as load_snapshot
from agent.store.evidence import load
from tests.observe.tap_cables import ethernet, ipv4, tcp, udp

if TYPE_CHECKING:
    from collections.abc import Iterable

GATEWAY = Path(__file__).parent / "gateways" / "egress-allow-list"
BEGIN = load_snapshot(GATEWAY).taken_at.timestamp() - 1800
NAME, CLIENT, RESOLVER = "chat.livechat.com", "192.168.7.20", "192.168.7.1"
OUTSIDE = [f"8.31.1.{number}" for number in range(1, 6)]


def capture(file: Path, frames: Iterable[tuple[float, bytes]]) -> None:
    with file.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for at, frame in frames:
            out.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame)


def resolved(at: float, *addresses: str) -> list[tuple[float, bytes]]:
    query = dns.message.make_query(NAME, "A", id=7)
    answer = dns.message.make_response(query)
    answer.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "A", *addresses))
    return [
        (at, ethernet(ipv4(17, udp(query.to_wire()), CLIENT, RESOLVER))),
        (at + 0.01, ethernet(ipv4(17, udp(answer.to_wire(), 53, 40000), RESOLVER, CLIENT))),
    ]


def refused(at: float, server: str, port: int) -> list[tuple[float, bytes]]:
    reset = tcp(b"", 443, port, 0x14, 0)
    return [
        (at, ethernet(ipv4(6, tcp(b"", port, 443, 2), CLIENT, server))),
        (at + 0.001, ethernet(ipv4(6, reset[:8] + struct.pack(">I", 2) + reset[12:], server, CLIENT, 64))),
    ]


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_what_a_capture_shows_becomes_findings(
    tmp_path: Path, form: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    frames = resolved(BEGIN, *OUTSIDE)
    for number, server in enumerate(OUTSIDE):
        frames += refused(BEGIN + 1 + number, server, 41000 + number)
    capture(tmp_path / "c.pcap", frames)
    evidence = tmp_path / "evidence.json"
    assert main(["replay", str(tmp_path / "c.pcap"), "--format", form, "--evidence", str(evidence)]) == 0
    plain = capfdbinary.readouterr().out
    assert main(["replay", str(tmp_path / "c.pcap"), "--format", form]) == 0
    # outcomes come in their time where the capture is read once, and at the end where it is read twice
    assert sorted(capfdbinary.readouterr().out.splitlines()) == sorted(plain.splitlines())
    observed = load(evidence)
    (domain,) = observed.domains
    assert [one.address for one in domain.addresses] == OUTSIDE
    assert CLIENT.encode() not in evidence.read_bytes()
    assert main(["audit", "--snapshot", str(GATEWAY), "--format", "json", "--evidence", str(evidence)]) == 1
    report = orjson.loads(capfdbinary.readouterr().out)
    found = {one["rule"]["id"]: one for one in report["findings"] if one["source"] == "observed"}
    assert found["web-allow-list-incomplete"]["summary"].startswith("the allow-list covers 0 % of the 5 addresses")
    assert found["web-allow-list-incomplete"]["evidence"][0]["type"] == "observed"


def test_evidence_of_another_time_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture(tmp_path / "c.pcap", resolved(BEGIN - 9 * 86400, *OUTSIDE))
    evidence = str(tmp_path / "e.json")
    assert main(["replay", str(tmp_path / "c.pcap"), "--evidence", evidence]) == 0
    assert main(["audit", "--snapshot", str(GATEWAY), "--evidence", evidence]) == 1
    assert "it may no longer hold" in capsys.readouterr().err


def test_what_cannot_be_read_or_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture(tmp_path / "c.pcap", [])
    (tmp_path / "e.json").write_text("[]")
    for arguments, message in (
        (["audit", "--snapshot", str(GATEWAY), "--evidence", str(tmp_path / "e.json")], "no evidence of gateproof's"),
        (["audit", "--snapshot", str(GATEWAY), "--evidence", str(tmp_path / "none")], "cannot be read"),
        (["replay", str(tmp_path / "c.pcap"), "--evidence", str(tmp_path / "none" / "e")], "cannot be written"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
