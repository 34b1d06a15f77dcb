"""The daemon as a process: signals, a bad configuration, a kill at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from agent.config import Observe, Settings
from agent.daemon import Daemon, Plan, judged, standing
from agent.model.vocabulary import Reach
from agent.packs import find_packs, select
from agent.pipeline import audit
from agent.snapshot import load
from agent.store import Store
from agent.supervise import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.daemon import Audited, Steady
    from agent.model.evidence import Observed
    from agent.model.standing import Awaited

ROOT = Path(__file__).parents[1]
GATEWAY = ROOT / "tests" / "gateways" / "egress-allow-list"
PATIENCE = 30
AGES = {"pack-stale"}
"""Rules that find more of the recorded gateway as time goes by."""
SCRIPT = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from agent import daemon
from agent.snapshot import load

snapshot = load(Path({gateway!r}))

def fake(plan, observed, steady, awaited=()):
    print("auditing", file=sys.stderr, flush=True)
    time.sleep({pause})
    return daemon.judged(plan, snapshot, datetime.now(UTC), observed, steady, awaited)

class Quick(daemon.Daemon):
    def _trigger(self):
        return super()._trigger() | {{"seconds": 1, "jitter": None}}

daemon.audit_here = fake
daemon.Daemon = Quick
Quick.__init__.__defaults__ = (fake, daemon.load_plan, *Quick.__init__.__defaults__[2:])
sys.exit(daemon.run(Path({config!r}), Path({state!r}), once=False))
"""


@contextmanager
def daemon(folder: Path, pause: float = 0.0) -> Iterator[subprocess.Popen[str]]:
    """A running daemon over the recorded gateway, auditing every second; ended by its id."""
    config = folder / "gateproof.toml"
    if not config.exists():
        config.write_text("[observe]\nenabled = false\n[serve]\nenabled = false\n")
    script = SCRIPT.format(
        gateway=str(ROOT / "tests" / "gateways" / "egress-allow-list"),
        config=str(config),
        state=str(folder / "state"),
        pause=pause,
    )
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            (sys.executable, "-c", script), stderr=log, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(folder: Path, text: str, count: int = 1) -> None:
    end = time.monotonic() + PATIENCE
    while (folder / "log").read_text().count(text) < count:
        assert time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.05)


def test_it_audits_reloads_refuses_and_ends(tmp_path: Path) -> None:
    with daemon(tmp_path) as process:
        wait_for(tmp_path, "opened")
        process.send_signal(signal.SIGHUP)
        wait_for(tmp_path, "configuration read again")
        (tmp_path / "gateproof.toml").write_text("colour = 'red'\n")
        process.send_signal(signal.SIGHUP)
        wait_for(tmp_path, "configuration refused")
        wait_for(tmp_path, "nothing new", (tmp_path / "log").read_text().count("nothing new") + 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    log = (tmp_path / "log").read_text()
    assert "line 1" in log
    assert "Traceback" not in log
    state = json.loads((tmp_path / "state" / "findings.json").read_text())
    assert sum(one["rule"]["id"] not in AGES for one in state["findings"]) == 17
    assert (tmp_path / "state" / "findings.json").stat().st_mode & 0o777 == 0o640


def test_a_running_audit_is_finished_before_the_end(tmp_path: Path) -> None:
    with daemon(tmp_path, pause=1.0) as process:
        wait_for(tmp_path, "auditing")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "state" / "findings.json").exists()


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_loses_no_event_and_makes_none_twice(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    for _ in range(3):
        with daemon(tmp_path) as process:
            time.sleep(random.uniform(0.3, 1.6))
            process.kill()
            process.wait()
    with daemon(tmp_path):
        wait_for(tmp_path, "audit: ", (tmp_path / "log").read_text().count("audit: ") + 1)
    events = [json.loads(line) for line in (tmp_path / "state" / "findings.jsonl").read_text().splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["event"] for event in events} == {"opened"}
    assert len({event["finding"]["uid"] for event in events}) == len(events)
    assert sum(event["finding"]["rule"]["id"] not in AGES for event in events) == 17


def test_a_verdict_stands_since_it_was_first_what_it_is() -> None:
    packs = select(find_packs(Path("/nonexistent")), ())
    first, second = (audit(load(GATEWAY), packs, Settings(), datetime(2026, 11, day, tzinfo=UTC)) for day in (23, 24))
    before = standing(first, {})
    assert {at for _, at in before.values()} == {first.scan.at.timestamp()}
    assert standing(second, before) == before
    changed = replace(second, verdicts=[replace(one, verdict=Reach.UNKNOWN) for one in second.verdicts])
    after = standing(changed, before)
    assert {at for _, at in after.values()} == {second.scan.at.timestamp()}
    assert standing(replace(second, verdicts=[]), after) == {}


class Deaf(Supervisor):
    """A tap that runs, and has nothing to tell for two hours."""

    silent = timedelta(hours=2)
    trouble = "watching lan0 needs CAP_NET_RAW"


@pytest.mark.parametrize("wanted", [True, False])
def test_a_tap_that_tells_nothing_for_too_long_is_a_finding(tmp_path: Path, *, wanted: bool) -> None:
    settings = Settings(observe=Observe(enabled=wanted))

    def audited(plan: Plan, observed: Observed | None, steady: Steady, awaited: Sequence[Awaited]) -> Audited:
        return judged(plan, load(GATEWAY), datetime.now(UTC), observed, steady, awaited)

    with Store(tmp_path) as store:
        made = Daemon(None, store, Plan(settings, ()), audit=audited)
        made.tap = Deaf(None, tmp_path / "evidence.json", lambda: settings.observe)
        made.once()
    state = json.loads((tmp_path / "findings.json").read_text())
    told = [one["summary"] for one in state["findings"] if one["rule"]["id"] == "check-overdue"]
    assert told == ["observe has not succeeded for more than 1 h: watching lan0 needs CAP_NET_RAW"] * wanted
