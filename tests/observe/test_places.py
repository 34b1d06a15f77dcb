"""How far logs were read is kept, and a later run goes on there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import StateError
from agent.observe.follow import HEAD, Place
from agent.observe.logs_live import Logs
from agent.observe.places import LARGEST, load, save

if TYPE_CHECKING:
    from pathlib import Path

    from agent.model.observation import Observation

PLACES = st.builds(
    Place,
    st.integers(0, (1 << 64) - 1),
    st.integers(0, (1 << 63) - 1),
    st.integers(0, HEAD),
    st.text("0af", max_size=64),
)


@given(st.dictionaries(st.text(), st.none() | PLACES, max_size=4))
def test_what_is_kept_is_found_again(tmp_path_factory: pytest.TempPathFactory, places: dict[str, Place | None]) -> None:
    path = tmp_path_factory.mktemp("state") / "places"
    assert load(path) == {}
    save(places, path)
    assert load(path) == places


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"{}", b"null", b'{"version":2,"logs":{}}', b'{"version":1}', b'{"version":1,"logs":[]}',
        b'{"version":1,"logs":{"a":1}}', b'{"version":1,"logs":{"a":{}}}',
        b'{"version":1,"logs":{"a":{"inode":1,"offset":-1,"head":0,"hash":""}}}',
        b'{"version":1,"logs":{"a":{"inode":true,"offset":1,"head":0,"hash":""}}}',
        b'{"version":1,"logs":{"a":{"inode":1,"offset":1,"head":65,"hash":""}}}',
        b" " * LARGEST + b'{"version":1,"logs":{}}',
    ],
)  # fmt: skip
def test_what_says_no_places_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "places"
    path.write_bytes(data)
    with pytest.raises(StateError, match="does not say how far logs were read; remove it"):
        load(path)


def line(number: int) -> bytes:
    return b"Nov 26 17:40:03 dnsmasq[405]: query[A] n%d.livechat.com from 192.0.2.77\n" % number


def names(found: list[Observation]) -> list[str]:
    return [one.message.qname or "" for one in found if hasattr(one.message, "qname")]


def test_a_log_is_gone_on_with_across_its_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, none, state = tmp_path / "dnsmasq.log", tmp_path / "later.log", tmp_path / "places"
    log.write_bytes(line(0))
    monkeypatch.chdir(tmp_path)
    first = Logs([log.name, str(none)], lambda _: None)
    with log.open("ab") as writer:
        writer.write(line(1) + line(2)[:20])
    assert names(first.take()) == ["n1.livechat.com"]
    save(first.places(), state)
    first.close()
    # the first bytes of the log, which name a client and what it asked for
    assert b"livechat" not in state.read_bytes()
    with log.open("ab") as writer:
        writer.write(line(2)[20:] + line(3))
    log.rename(tmp_path / "dnsmasq.log.1")
    log.write_bytes(line(4))
    none.write_bytes(line(5))
    second = Logs([str(log), f"dnsmasq:{none}"], lambda _: None, places=load(state))
    assert names(second.take()) == [f"n{one}.livechat.com" for one in (2, 3, 4, 5)]
    second.close()


def test_a_log_may_have_a_name_of_any_bytes(tmp_path: Path) -> None:
    log, state = tmp_path / os.fsdecode(b"dns\xff.log"), tmp_path / "places"
    log.touch()
    first = Logs([str(log)], lambda _: None)
    save(first.places(), state)
    assert orjson.dumps(first.statistics())
    first.close()
    log.write_bytes(line(1))
    second = Logs([str(log)], lambda _: None, places=load(state))
    assert names(second.take()) == ["n1.livechat.com"]
    second.close()


def observed(log: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    argv = (sys.executable, "-m", "agent", "observe", "--no-tap", "--log", str(log), "--for", "0.1", *options)
    return subprocess.run((*argv, "--format", "jsonl"), capture_output=True, check=False, timeout=60)


def test_the_command_goes_on_where_it_was(tmp_path: Path) -> None:
    log, state = tmp_path / "dnsmasq.log", tmp_path / "places"
    log.write_bytes(line(0))
    kept = ("--log-state", str(state))
    told = []
    for number in (1, 2):
        done = observed(log, *kept)
        assert done.returncode == 0, done.stderr
        told.append([one["qname"] for one in map(orjson.loads, done.stdout.splitlines()) if one["type"] == "dns"])
        with log.open("ab") as writer:
            writer.write(line(number))
    assert told == [[], ["n1.livechat.com"]]


@pytest.mark.parametrize("state", ["nowhere/places", "."])
def test_a_state_that_cannot_be_kept_is_one_line(tmp_path: Path, state: str) -> None:
    log = tmp_path / "dnsmasq.log"
    log.touch()
    done = observed(log, "--log-state", os.path.join(tmp_path, state))  # noqa: PTH118 - which keeps the dot
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"cannot be" in done.stderr


def test_a_state_of_no_logs_is_refused() -> None:
    done = subprocess.run(
        (sys.executable, "-m", "agent", "observe", "--log-state", "x"), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert b"--log-state is for logs: name one with --log" in done.stderr
