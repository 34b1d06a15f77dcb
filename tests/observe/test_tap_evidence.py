"""Evidence that is kept while real traffic is watched, by one process and by several."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.store.evidence import load
from tests.kernel.needs import kernel
from tests.observe.tap_cables import CLIENT, WORLD, router
from tests.observe.test_tap import NAME, SECRET, _command, _until_watching

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = kernel


@pytest.mark.parametrize("processes", [1, 2])
def test_evidence_of_two_runs_is_added_up(tmp_path: Path, processes: int) -> None:
    file = tmp_path / "evidence.json"
    with router(nat=True) as laid:
        for _ in range(2):
            arguments = ("--evidence", str(file), "--processes", str(processes), "--format", "jsonl")
            running = _command(laid.gateway, *arguments)
            _until_watching(laid.gateway, 3 * processes)
            laid.ask(laid.clients, NAME, 20)
            laid.ask(laid.clients, SECRET, 5)
            time.sleep(0.4)
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=20)
            assert (running.returncode, errors) == (0, b"")
    observed = load(file)
    assert (observed.visibility.dns, observed.loss.packets) == (50, 200)  # each by both interfaces
    assert b"planted" not in file.read_bytes()
    assert CLIENT.encode() not in file.read_bytes()
    # the world's address is one of documentation: no domain has it
    (domain,) = observed.domains
    assert not domain.addresses
    assert {(one.zone, one.stage.value, one.fate.value) for one in domain.outcomes} <= {
        ("lan0", "dns", "dns-sinkhole"), ("lan0", "dns", "inconclusive"), ("lan0", "dns", "ok"),
    }  # fmt: skip
    assert sum(one.count for one in domain.outcomes) >= 2


def test_it_is_written_from_the_beginning_and_said_when_it_cannot_be(tmp_path: Path) -> None:
    with router(nat=False) as laid:
        running = _command(laid.gateway, "--evidence", str(tmp_path / "none" / "evidence.json"))
        _, errors = running.communicate(timeout=20)
        assert running.returncode == 2
        assert errors.startswith(b"gateproof: ")
        assert b"cannot be written: No such file or directory" in errors
        assert errors.count(b"\n") == 1
        other = tmp_path / "other.json"
        other.write_text('{"precious": true}')
        running = _command(laid.gateway, "--evidence", str(other))
        _, errors = running.communicate(timeout=20)
        assert running.returncode == 2
        assert b"no evidence of gateproof's" in errors
        assert orjson.loads(other.read_bytes()) == {"precious": True}
        running = _command(laid.gateway, "--evidence", str(tmp_path / "evidence.json"))
        _until_watching(laid.gateway, 3)
        assert not load(tmp_path / "evidence.json").domains
        laid.ask(laid.clients, NAME)
        time.sleep(0.4)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)
        assert load(tmp_path / "evidence.json").visibility.dns == 1
        assert WORLD not in (tmp_path / "evidence.json").read_text().partition('"outcomes"')[0]


def test_the_configuration_says_what_is_watched_and_shown(tmp_path: Path) -> None:
    config = tmp_path / "gateproof.toml"
    config.write_text(
        '[observe]\ninterfaces = ["lan0"]\nclients = "hashed"\n[[zone]]\nname = "office"\ninterface = "lan0"\n'
    )
    file = tmp_path / "evidence.json"
    with router(nat=True) as laid:
        running = _command(laid.gateway, "--config", str(config), "--evidence", str(file), "--format", "jsonl")
        _until_watching(laid.gateway, 1)
        laid.ask(laid.clients, NAME)
        laid.ask(laid.others, NAME)
        time.sleep(0.4)
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=20)
        assert running.returncode == 0
    (query,) = [one for one in map(orjson.loads, output.splitlines()) if one.get("event") == "query"]
    assert query["src_ip"].startswith("client-")
    assert {one.zone for one in load(file).domains[0].outcomes} == {"office"}
