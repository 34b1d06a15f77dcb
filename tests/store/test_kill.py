"""A writer that is killed at any time, again and again: what it had committed is there, once."""

from __future__ import annotations

import os
import signal
import time
import traceback
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Final

import orjson
import pytest

from agent.model.standing import AUDIT, Check
from agent.store import Retention, Store, files
from agent.store.rows import all_known
from tests.store.test_lifecycle import START, History, finding, report

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from agent.model.report import Report

SEEDS: Final = 16
KILLS: Final = 20
"""Of each seed."""
LONGEST: Final = 0.06
"""Seconds that a writer lives; a scan is recorded in some thousandths."""
KINDS: Final = {"plain": Retention(), "rotating": Retention(), "pruning": Retention(timedelta(minutes=30), 250_000)}
ROTATE_AT: Final = 20_000


def scan(kind: str, seed: int, step: int) -> tuple[Report, datetime]:
    """The report of one step, always the same: findings come, change, go, flap, and cannot be read."""
    random = Random(f"{seed} {step}")
    at = START + step * timedelta(minutes=7)
    # what is pruned is opened anew, where the model re-opens it: there, names go for good
    first, often = (step // 2, 1.0) if kind == "pruning" else (0, 0.8)
    names = [f"n{first + number}" for number in range(12) if random.random() < often]
    found = [finding(name, at, summary=random.choice(("stopped", "lost", "slow"))) for name in names]
    status = "denied" if kind != "pruning" and random.random() < 0.1 else "ok"
    return report(at, *found, status=status), at


def record(store: Store, kind: str, seed: int, step: int) -> None:
    one, at = scan(kind, seed, step)
    store.record(one, at, checks=(Check(name=AUDIT, attempted=at, succeeded=at),))


def write_on(folder: Path, kind: str, seed: int, step: int, pipe: int) -> None:
    """Record one step after the other, telling before and after each; never returns."""
    try:
        with Store(folder, KINDS[kind]) as store:
            while True:
                os.write(pipe, b"begun %d\n" % step)
                record(store, kind, seed, step)
                os.write(pipe, b"done %d\n" % step)
                step += 1
    except BaseException:  # noqa: BLE001 - told to the parent, which fails
        os.write(pipe, traceback.format_exc().encode())
    os._exit(1)


def killed(folder: Path, kind: str, seed: int, step: int, life: float) -> tuple[int, bool]:
    """The number of steps that a writer had done when it was killed, and whether that was amid one."""
    out, pipe = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        write_on(folder, kind, seed, step, pipe)
    os.close(pipe)
    try:
        time.sleep(life)
    finally:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    with os.fdopen(out) as told:
        words = told.read()
    assert os.WIFSIGNALED(status), words
    last = words.split()[-2:]
    return (int(last[1]) + (last[0] == "done"), last[0] == "begun") if last else (step, False)


def numbers(folder: Path) -> list[int]:
    """Of the events in all files, which have to be whole."""
    kept = [file for file in files.event_files(folder) if file.exists()]
    return [orjson.loads(line)["seq"] for file in kept for line in file.read_bytes().splitlines()]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # the child does nothing with threads
@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_was_committed_is_there_once(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = tuple(KINDS)[seed % len(KINDS)]
    if kind == "rotating":
        monkeypatch.setattr(files, "ROTATE_AT", ROTATE_AT)
    random, model, step, amid, epochs = Random(seed), History(), 0, 0, set()
    if kind == "pruning":  # whose kills begin where there is something to prune
        with Store(tmp_path, KINDS[kind]) as store:
            for step in range(12):
                model.take(*scan(kind, seed, step))
                record(store, kind, seed, step)
        step += 1
    for _ in range(KILLS):
        done, cut = killed(tmp_path, kind, seed, step, random.uniform(0, LONGEST))
        amid += cut
        for number in range(step, done):
            model.take(*scan(kind, seed, number))
        step = done
        with Store(tmp_path, KINDS[kind]) as store:
            connection = store._connection
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            meta = dict(connection.execute("SELECT name, value FROM meta"))
            epochs.add(meta["epoch"])
            if meta.get("revision", 0) > step:  # it was committed, and nobody could be told
                model.take(*scan(kind, seed, step))
                step += 1
            assert (meta.get("revision", 0), meta["seq"]) == (step, model.seq)
            known, expected = all_known(connection), dict(model.known)
            if kind == "pruning":
                known, expected = (
                    {uid: one for uid, one in some.items() if one.status != "resolved"} for some in (known, expected)
                )
            assert known == expected
            kept = [row[0] for row in connection.execute("SELECT seq FROM events ORDER BY seq")]
            told = numbers(tmp_path)
            for some in (kept, told):
                assert some == list(range(model.seq - len(some) + 1, model.seq + 1))
            pruned = len(kept) < model.seq
            if kind == "plain":
                assert len(kept) == len(told) == model.seq
        if (tmp_path / "findings.json").exists():
            orjson.loads((tmp_path / "findings.json").read_bytes())
    assert len(epochs) == 1
    assert pruned == (kind == "pruning")
    assert amid, "no kill hit a scan that was being recorded"
    with Store(tmp_path, KINDS[kind]) as store:
        record(store, kind, seed, step)
        bodies = [one.body for one in all_known(store._connection).values()]
    state = orjson.loads((tmp_path / "findings.json").read_bytes())
    assert state["findings"] == [orjson.loads(body) for body in bodies]
    assert state["seq"] == numbers(tmp_path)[-1]
