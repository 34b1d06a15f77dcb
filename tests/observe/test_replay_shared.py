"""Two processes that share a capture say what one says."""

from __future__ import annotations

import os
import socket
import struct
from random import Random
from typing import TYPE_CHECKING

import pytest

from agent.errors import GateproofError
from agent.observe import replay_shared
from agent.observe.records import line
from agent.observe.replay import Replay
from agent.observe.replay_shared import LEAST, SharedReplay, pays
from tests.observe.tap_cables import ethernet, ipv4, question, tcp, udp
from tests.observe.test_replay import capture, libpcap
from tests.wire.test_tls import hello

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.observation import Observation

pytestmark = pytest.mark.skipif(not libpcap(), reason="needs libpcap: packaging/test --install-peers")


def ipv6(protocol: int, payload: bytes, source: str, target: str) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target)
    return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 63) + ends + payload


def frames(seed: int, count: int) -> list[bytes]:
    """Questions and hellos, from many hosts, with and without tags, some of them cut off."""
    random = Random(seed)
    offers = [tcp(hello(f"n{number}.example")) for number in range(8)]
    found: list[bytes] = []
    for number in range(count):
        inner = random.choice((udp(question(f"n{number}.example", number)), random.choice(offers)))
        host, far = random.randrange(256), random.randrange(256)
        protocol = 17 if len(inner) < 100 else 6
        if random.random() < 0.5:
            packet, kind = ipv4(protocol, inner, f"192.168.7.{host}", f"203.0.113.{far}"), 0x0800
        else:
            packet, kind = ipv6(protocol, inner, f"2001:db8::{host:x}", f"2001:db8:1::{far:x}"), 0x86DD
        whole = ethernet(packet, kind, random.choice(((), (), (7,), (7, 9))))
        found.append(whole[: random.choice((len(whole), len(whole), len(whole), 60, 40, 20))])
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_same_records_in_the_same_order(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(frames(seed, 3000)))
    with path.open("rb") as file:
        alone = [line(one) for one in Replay(file, path.stat().st_size, str(path), live=True)]
    assert len(alone) > 500
    assert b"".join(SharedReplay(str(path)).blocks()) == b"".join(alone)


def test_small_captures_and_others_are_read_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(frames(1, 10)))
    assert not pays(str(path), path.stat().st_size)
    assert pays(str(path), LEAST)
    path.write_bytes(path.read_bytes()[:20] + struct.pack("<I", 101) + path.read_bytes()[24:])
    assert not pays(str(path), LEAST)
    path.write_bytes(b"nothing")
    assert not pays(str(path), LEAST)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    path.write_bytes(capture(frames(1, 10)))
    assert not pays(str(path), LEAST)


def test_a_capture_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(frames(2, 3000))[:-7])
    shared = SharedReplay(str(path))
    assert len(b"".join(shared.blocks()).splitlines()) > 500
    assert shared.truncated


def test_trouble_of_the_other_process_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(frames(2, 3000)))
    mine = os.getpid()
    real = line

    def broken(observation: Observation) -> bytes:
        if os.getpid() != mine:
            raise ValueError("planted")
        return real(observation)

    monkeypatch.setattr(replay_shared, "line", broken)
    with pytest.raises(GateproofError, match="ended with an error"):
        list(SharedReplay(str(path)).blocks())


def test_nothing_stays_behind_where_nobody_reads_on(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(capture(frames(3, 20_000)))
    reading = SharedReplay(str(path)).blocks()
    assert next(reading)
    reading.close()  # type: ignore[attr-defined]  # a generator is said to be an iterator
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
