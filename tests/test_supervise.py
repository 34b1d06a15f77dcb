"""The tap beside the daemon: whatever it does or writes, the daemon goes on, and starts it again."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agent.config import Observe
from agent.observe.keep import save, written
from agent.observe.merge import merge
from agent.observe.tally import Tally
from agent.store.evidence import load
from agent.supervise import Supervisor
from tests.observe.told import NEED, answer, outcome
from tests.observe.told import address as record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.model.evidence import Observed

NOW = time.time()


def seen(*addresses: str, at: float = NOW) -> Observed:
    tally = Tally([NEED], bytes(32))
    tally.add(answer(*(record(one) for one in addresses), at=at))
    return tally.observed()


def supervised(
    folder: Path,
    script: str,
    *,
    until: Callable[[Supervisor], bool] = lambda _: False,
    seconds: float = 20.0,
    settings: Callable[[], Observe] = Observe,
) -> Supervisor:
    """Run a tap that is a script, until something holds."""
    file = folder / "evidence.json"
    (folder / "tap.py").write_text(script)
    made = Supervisor(None, file, settings, lambda _: (sys.executable, str(folder / "tap.py"), str(folder)))

    async def run() -> None:
        running = asyncio.create_task(made.run())
        end = time.monotonic() + seconds
        while not until(made) and time.monotonic() < end and not running.done():  # noqa: ASYNC110 - files have no events
            await asyncio.sleep(0.02)
        made.stop()
        await asyncio.wait_for(running, 15)

    asyncio.run(run())
    return made


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateproof")
    monkeypatch.setattr("agent.child.FIRST", 0.05)
    monkeypatch.setattr("agent.child.PATIENCE", 0.5)
    monkeypatch.setattr("agent.supervise.OFTEN", 0.0)


TELL = "import sys, time, os\ndef say(text):\n    sys.stdout.write(text + '\\n'); sys.stdout.flush()\n"


def test_what_it_sees_is_added_to_the_past_and_kept(tmp_path: Path) -> None:
    save(seen("8.30.1.1"), tmp_path / "evidence.json")
    (tmp_path / "new").write_bytes(written(seen("8.30.1.2")))
    script = TELL + "say(open(sys.argv[1] + '/new').read().strip()); time.sleep(60)"
    made = supervised(tmp_path, script, until=lambda one: one._now is not None)
    kept = load(tmp_path / "evidence.json")
    assert [one.address for one in kept.domains[0].addresses] == ["8.30.1.1", "8.30.1.2"]
    assert made.observed(NOW) == kept
    assert made.observed(NOW + 9 * 86400) is not None
    assert not made.observed(NOW + 9 * 86400).domains  # type: ignore[union-attr]  # as the line before says


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text()) if (folder / "runs").exists() else 0


COUNTED = TELL + "open(sys.argv[1] + '/runs', 'a').write('x')\n"


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os.kill(os.getpid(), 11)", "ended with SIGSEGV"),
        ("sys.exit(1)", "ended with status 1"),
        ("os.close(1); time.sleep(60)", "ended with SIGKILL"),
        ("import signal; signal.signal(15, signal.SIG_IGN); os.close(1); time.sleep(60)", "ended with SIGKILL"),
        ("say('x' * 5000)", "ended with"),
    ],
)
def test_a_tap_that_ends_is_started_again(
    tmp_path: Path, end: str, said: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.child.LONGEST", 1000)
    supervised(tmp_path, COUNTED + end, until=lambda _: runs(tmp_path) >= 3)
    assert runs(tmp_path) >= 3
    assert said in caplog.text


def test_it_waits_longer_each_time(tmp_path: Path) -> None:
    supervised(tmp_path, COUNTED, seconds=2.0)
    assert 2 <= runs(tmp_path) <= 6  # after 0.05, 0.1, 0.2, 0.4, 0.8 s


def test_without_rights_it_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    supervised(tmp_path, COUNTED + """say('{"error": "watching lan0 needs CAP_NET_RAW"}'); sys.exit(3)""", seconds=1.5)
    assert runs(tmp_path) == 1
    assert caplog.text.count("CAP_NET_RAW") == 1


HOSTILE = [
    "say('{')",
    "say('[]')",
    """say('{"tell": 5}')""",
    r"""say('{"tell": "\\u001b[31m' + 'x' * 10000 + '"}')""",
    """say('{"schema": "gateproof.evidence/1"}')""",
    """say('{"schema":"gateproof.evidence/1"}')""",
    """say('{"schema":"gateproof.evidence/9"}')""",
    "sys.stdout.buffer.write(bytes(range(256)) * 10 + b'\\n'); sys.stdout.flush()",
    "say(open(sys.argv[1] + '/future').read().strip())",
]


@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_that_it_writes_counts_but_evidence(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(seen("8.30.1.1"), tmp_path / "evidence.json")
    before = (tmp_path / "evidence.json").read_bytes()
    (tmp_path / "future").write_bytes(written(seen("8.30.1.9", at=NOW + 10_000)))
    supervised(tmp_path, COUNTED + what, until=lambda _: runs(tmp_path) >= 2)
    assert (tmp_path / "evidence.json").read_bytes() == before
    assert "Traceback" not in caplog.text
    assert all(record.getMessage().isprintable() and len(record.getMessage()) < 400 for record in caplog.records)


def test_a_flood_of_words_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = COUNTED + """for n in range(5000): say('{"tell": "again"}')"""
    supervised(tmp_path, script, until=lambda _: runs(tmp_path) >= 2)
    # each start after an end says "again" too
    assert caplog.text.count("tap: again") <= 20 * runs(tmp_path)


def test_it_is_off_where_the_settings_say_so_and_comes_with_a_reload(tmp_path: Path) -> None:
    said = [Observe(enabled=False)]
    save(seen("8.30.1.1"), tmp_path / "evidence.json")
    begin = time.monotonic()

    def switched(made: Supervisor) -> bool:
        assert said[0].enabled or made.observed(NOW) is None
        if time.monotonic() - begin > 0.5 and not said[0].enabled:
            assert runs(tmp_path) == 0
            said[0] = replace(said[0], enabled=True)
            made.reload()
        return runs(tmp_path) > 0

    supervised(tmp_path, COUNTED + "time.sleep(60)", until=switched, settings=lambda: said[0])
    assert runs(tmp_path) == 1


def test_a_full_disk_is_said_and_nothing_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(seen("8.30.1.1"), tmp_path / "evidence.json")
    before = (tmp_path / "evidence.json").read_bytes()
    (tmp_path / "new").write_bytes(written(seen("8.30.1.2")))
    real = os.fsync

    def full(handle: int) -> None:
        real(handle)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("agent.observe.keep.os.fsync", full)
    script = TELL + "say(open(sys.argv[1] + '/new').read().strip()); time.sleep(60)"
    made = supervised(tmp_path, script, until=lambda _: "No space left" in caplog.text)
    assert (tmp_path / "evidence.json").read_bytes() == before
    whole = made.observed(NOW)
    assert whole is not None
    assert len(whole.domains[0].addresses) == 2


def test_sums_do_not_depend_on_how_often_it_was_started(tmp_path: Path) -> None:
    tally = Tally([NEED], bytes(32))
    tally.outcome(outcome(at=NOW))
    (tmp_path / "new").write_bytes(written(tally.observed()))
    script = COUNTED + "text = open(sys.argv[1] + '/new').read().strip()\nsay(text); say(text); say(text)"
    made = supervised(tmp_path, script, until=lambda _: runs(tmp_path) >= 3)
    whole = made.observed(NOW)
    assert whole is not None
    assert whole.domains[0].outcomes[0].count in {runs(tmp_path) - 1, runs(tmp_path)}
    assert merge(whole, tally.observed()).domains[0].outcomes[0].count == whole.domains[0].outcomes[0].count + 1


def test_other_interfaces_end_the_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.child.FIRST", 60.0)
    monkeypatch.setattr("agent.supervise.LOOK", 0.1)
    begin = time.monotonic()
    monkeypatch.setattr("agent.supervise._present", lambda: runs(tmp_path) == 1 and time.monotonic() - begin > 1)
    supervised(tmp_path, COUNTED + "sys.exit(2)", until=lambda _: runs(tmp_path) >= 2, seconds=10)
    assert runs(tmp_path) == 2


def test_silence_begins_with_the_last_evidence(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(written(seen("8.30.1.2")))
    script = TELL + "time.sleep(1); say(open(sys.argv[1] + '/new').read().strip()); time.sleep(60)"
    begin = time.monotonic()
    made = supervised(tmp_path, script, until=lambda one: one._now is not None)
    assert made.silent.total_seconds() < time.monotonic() - begin - 0.9
    mute = supervised(tmp_path, TELL + "time.sleep(60)", seconds=0.5)
    assert mute.silent.total_seconds() > 0.5
