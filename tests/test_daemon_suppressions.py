"""The daemon and suppressions: read again on a signal, refused when bad, and told of when they lapse."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from agent.store import Reader
from agent.store.reading import Filter
from tests.test_daemon import PATIENCE, daemon, wait_for

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

ENTRY = """\
[[suppress]]
domain = "*.chatbot.com"
owner = "ops@example.com"
reason = "we do not use it"
"""


def until(seconds: float) -> str:
    """A file whose decision lapses so long from now."""
    return f"{ENTRY}expires = {datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}\n"


def hup(process: Popen[str], folder: Path, told: str) -> None:
    """Have it read its configuration again, and wait until it said what came of it, and audited once more."""
    before = (folder / "log").read_text().count(told)
    process.send_signal(signal.SIGHUP)
    wait_for(folder, told, before + 1)
    # an audit that ran meanwhile may have begun with the old one
    wait_for(folder, "audit: ", (folder / "log").read_text().count("audit: ") + 2)


def kept(folder: Path) -> list[dict[str, Any]]:
    """The findings that are suppressed."""
    reader = Reader(folder / "state")
    try:
        with reader.snapshot(Filter(status=frozenset({"suppressed"}))) as (_, chunks):
            return [orjson.loads(body) for chunk in chunks for body in chunk]
    finally:
        reader.close()


def reopened(folder: Path) -> list[dict[str, Any]]:
    """The events of findings that came back."""
    reader = Reader(folder / "state")
    try:
        told = [orjson.loads(line) for line in reader.events(0, 1000).lines]
    finally:
        reader.close()
    return [one for one in told if one["event"] == "reopened"]


def test_it_reads_them_again_refuses_bad_ones_and_tells_whose_decision_lapsed(tmp_path: Path) -> None:
    path = tmp_path / "suppressions.toml"
    (tmp_path / "gateproof.toml").write_text(
        f'[observe]\nenabled = false\n[serve]\nenabled = false\n[suppressions]\nfile = "{path}"\n'
    )
    with daemon(tmp_path) as process:
        wait_for(tmp_path, "opened")
        assert not kept(tmp_path), "no file is no decision"
        path.write_text(until(3600))
        hup(process, tmp_path, "configuration read again")
        held = kept(tmp_path)
        assert held
        assert {one["subject"]["name"] for one in held} == {"*.chatbot.com"}
        assert {one["suppression"]["owner"] for one in held} == {"ops@example.com"}
        reader = Reader(tmp_path / "state")
        try:
            (told,) = reader.standing().suppressions
        finally:
            reader.close()
        assert (told.scope, told.state, told.findings) == ({"domain": "*.chatbot.com"}, "expiring", len(held))

        path.write_text(ENTRY)
        hup(process, tmp_path, "configuration refused")
        assert f"{path} line 1: `suppress[0].expires` is missing" in (tmp_path / "log").read_text()
        assert len(kept(tmp_path)) == len(held), "the old ones stay"

        path.write_text(until(3))
        hup(process, tmp_path, "configuration read again")
        wait_for(tmp_path, "reopened")
        back = reopened(tmp_path)
        assert sorted(one["finding"]["uid"] for one in back) == sorted(one["uid"] for one in held)
        assert {(one["suppression"]["owner"], one["suppression"]["reason"]) for one in back} == {
            ("ops@example.com", "we do not use it")
        }
        assert not kept(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()
