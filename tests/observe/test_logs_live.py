"""Logs that are followed: one stream with the tap's, and nothing leaves it that would not leave the tap."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from agent.cli import observe
from agent.cli.parser import parse
from agent.logline import Clock
from agent.observe import follow
from agent.observe.logs import formats
from agent.observe.logs_live import Logs, NoTap

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.model.observation import Observation

PLANTED = "planted-secret"
LINES = (
    f"1795714803.123 211 192.0.2.77 TCP_TUNNEL/200 5129 CONNECT {PLANTED}.example:443 - HIER_DIRECT/203.0.113.7 -",
    "1795714804.123 211 192.0.2.77 TCP_DENIED/403 0 CONNECT api.livechat.com:443 - HIER_NONE/- text/html",
    f"1795714805.123 211 192.0.2.77 TCP_MISS/200 9 GET http://api.livechat.com/{PLANTED} {PLANTED} HIER_DIRECT/203.0.113.9 -",
    f"Nov 26 17:40:03 dnsmasq[405]: 7 192.0.2.77/4711 query[A] {PLANTED}.example from 192.0.2.77",
    "Nov 26 17:40:03 dnsmasq[405]: 8 192.0.2.77/4712 query[A] api.livechat.com from 192.0.2.77",
    "Nov 26 17:40:03 dnsmasq[405]: 8 192.0.2.77/4712 reply api.livechat.com is <CNAME>",
    f"Nov 26 17:40:03 dnsmasq[405]: 8 192.0.2.77/4712 reply {PLANTED}.example is 203.0.113.9",
    f"Nov 26 17:40:03 gw kernel: {PLANTED} DROP IN=lan0 OUT=wan0 SRC=192.0.2.77 DST=203.0.113.9 LEN=60 PROTO=TCP SPT=1 DPT=443 ",
    (f'{{"timestamp":"2026-11-26T17:40:03+0000","event_type":"tls","src_ip":"192.0.2.77","dest_ip":"203.0.113.9",'
    f'"tls":{{"sni":"{PLANTED}.example","version":"TLS 1.3"}}}}'),
    (f'{{"timestamp":"2026-11-26T17:40:03+0000","event_type":"tls","src_ip":"192.0.2.77","src_port":5,"dest_ip":'
    f'"203.0.113.9","dest_port":443,"proto":"TCP","tls":{{"sni":"api.livechat.com","client_alpns":["{PLANTED}","h2"]}}}}'),
    (f'{{"timestamp":"2026-11-26T17:40:03+0000","event_type":"alert","src_ip":"203.0.113.9","src_port":443,"dest_ip":'
    f'"192.0.2.77","dest_port":5,"proto":"TCP","alert":{{"signature":"{PLANTED}","action":"blocked"}}}}'),
    f"{PLANTED} is no line of any log",
)  # fmt: skip


def observed(log: Path, *options: str) -> list[dict[str, object]]:
    """What the command writes of lines that come while it follows a log."""
    argv = (sys.executable, "-m", "agent", "observe", "--no-tap", "--log", str(log), "--format", "jsonl", *options)
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        deadline = time.monotonic() + 30
        # it follows once it has the file open
        while not _follows(process.pid, log) and time.monotonic() < deadline:
            time.sleep(0.05)
        with log.open("a") as writer:
            writer.writelines(f"{one}\n" for one in LINES)
        found = []
        time.sleep(2.5)
        process.terminate()
        found = [orjson.loads(one) for one in process.stdout]
        assert process.wait(timeout=30) == 0
    return found


def _follows(pid: int, log: Path) -> bool:
    try:
        return any(os.path.realpath(one) == str(log) for one in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_only_required_names_leave_a_log(tmp_path: Path) -> None:
    log = tmp_path / "mixed.log"
    log.write_text("")
    *records, stats = observed(log)
    assert PLANTED not in str(records)
    assert "192.0.2.77" not in str(records)
    sort = [(one["sensor"], one["type"], one["event"]) for one in records]
    assert sort == [
        ("squid", "http", "request"),
        ("squid", "http", "response"),
        ("squid", "http", "request"),
        ("squid", "http", "response"),
        ("dnsmasq", "dns", "query"),
        ("dnsmasq", "dns", "response"),
        ("eve", "tls", "logged"),
        ("eve", "firewall", "logged"),
    ]
    assert records[0]["src_ip"] == "192.0.2.0/24"
    assert records[1]["status"] == 403
    assert records[-1]["action"] == "block"
    assert stats["logs"] == {str(log): {"lines": len(LINES), "silent": 1, "malformed": 1, "too_long": 0, "emptied": 0}}


def test_an_administrator_sees_all_of_it(tmp_path: Path) -> None:
    log = tmp_path / "mixed.log"
    log.write_text("")
    *records, _ = observed(log, "--all-names")
    assert f"{PLANTED}.example:443" in str(records)
    assert len(records) == 13


def test_a_log_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    logs = Logs([str(loop)], told.append)
    for _ in range(2):
        assert logs.take() == []
        logs._due = 0.0
    assert told == [f"{loop}: cannot be read: Too many levels of symbolic links"]
    logs.close()


def test_without_a_tap_time_passes_all_the_same() -> None:
    without = NoTap(lambda: False)
    assert list(without.batches(0.01)) == [[], []]
    without.stop()
    assert list(without.batches()) == [[]]
    without.close()


def test_what_one_look_left_does_not_wait_for_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MOST", 1000)
    log = tmp_path / "dnsmasq.log"
    log.write_text("")
    logs = Logs([str(log)], lambda _: None)
    without = NoTap(logs.waiting)
    log.write_text("Nov 26 17:40:03 dnsmasq[405]: query[A] api.livechat.com from 192.0.2.77\n" * 50)
    found = []
    for _ in without.batches(60):
        found.append(len(logs.take()))
        if not logs.waiting():
            break
    assert sum(found) == 50
    assert len(found) > 3
    with log.open("a") as writer:
        writer.write("Nov 26 17:40:04 dnsmasq[405]: query[A] api.livechat.com from 192.0.2.77\n")
    assert logs.take() == []
    assert len(logs.take(at_once=True)) == 1
    without.close()
    logs.close()


def test_what_comes_last_is_told_and_a_busy_log_holds_up_no_counters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "PERIOD", 1.0)
    log = tmp_path / "dnsmasq.log"
    log.write_text("")
    written = 0
    stop = threading.Event()

    def busy() -> None:
        nonlocal written
        with log.open("a") as writer:
            while not stop.wait(0.05):
                writer.write(f"Nov 26 17:40:03 dnsmasq[405]: query[A] n{written}.livechat.com from 192.0.2.77\n")
                writer.flush()
                written += 1

    def ended(logs: Logs, *, at_once: bool = False) -> list[Observation]:
        if at_once:
            stop.set()
            writing.join()
        return take(logs, at_once=at_once)

    take = Logs.take
    monkeypatch.setattr(Logs, "take", ended)
    writing = threading.Thread(target=busy)
    # it starts once the log is followed
    monkeypatch.setattr(NoTap, "__init__", _then(NoTap.__init__, writing.start))
    arguments = parse(["observe", "--no-tap", "--log", str(log), "--format", "jsonl", "--for", "3.5"])
    told: list[bytes] = []
    session = observe.Session(arguments, observe._asked(arguments), b"key")
    document = session.run(told.append, lambda _: None, None, lambda _: None)
    found = [orjson.loads(line) for one in told for line in one.splitlines()]
    assert [one["qname"] for one in found if one["type"] == "dns"] == [f"n{at}.livechat.com" for at in range(written)]
    counters = [one["logs"][str(log)]["lines"] for one in found if one["type"] != "dns"]
    assert len(counters) >= 3
    assert document["logs"][str(log)]["lines"] == written > counters[0]


def _then(first: Callable[..., None], second: Callable[[], None]) -> Callable[..., None]:
    def both(*arguments: object) -> None:
        first(*arguments)
        second()

    return both


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--no-tap",), "--no-tap leaves nothing to observe: name a log with --log"),
        (("--log", "x", "--processes", "2"), "--log is for one process"),
        (("--no-tap", "--log", "x", "--layout", "/nowhere/squid.conf"), "/nowhere/squid.conf: cannot be read"),
        (("--no-tap", "--log", "x", "--layout", "/dev/null"), "no layout of a log"),
    ],
)
def test_what_cannot_be_observed_is_one_line(options: tuple[str, ...], said: str) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "agent", "observe", "--for", "1", *options), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_what_dates_are_completed_with_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    log = tmp_path / "dnsmasq.log"
    log.write_text("")
    logs = Logs([f"dnsmasq:{log}"], told.append)
    for _ in range(2):
        with log.open("a") as writer:
            writer.write("Nov 26 17:40:03 dnsmasq[405]: query[A] api.livechat.com from 192.0.2.77\n")
        assert len(logs.take()) == 1
        logs._due = 0.0
    assert told == [
        f"where lines of logs leave out the {one}, it is that of this machine now" for one in ("year", "zone")
    ]
    logs.close()


@pytest.mark.parametrize(
    "line",
    [
        b"IN= OUT= SRC=" * 5000,
        b"Nov 26 17:40:03 gw kernel: " + b"IN=a OUT= " * 6000,
        b"10.0.0.1:1 [06/Feb/2026:12:14:14.655] a b/c 1 " + b"1/" * 30000,
        b'a - b [c] "' + b"\\a" * 30000,
        b"Nov 26 17:40:03 dnsmasq[405]: reply a is NXDOMAIN" + b" (EDE: a" * 8000,
        b"26-Nov-2026 17:40:03.123 client 1.1.1.1#1 (a): " + b"rpz A NODATA rewrite a/" * 2500,
    ],
)
def test_no_line_takes_much_longer_than_its_length(line: bytes) -> None:
    """A program that writes what strangers send must not stop whoever reads it: a square of the length is seconds."""
    begin = time.process_time()
    for one in formats().values():
        one.recognises(line)
        one.Reader(Clock(time.time)).take(line)
    assert time.process_time() - begin < 1.0
