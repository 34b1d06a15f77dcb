"""Ten thousand findings that all change in one audit, recorded whole: ``python -m tests.bench store``.

Beside it, in the same run, a plain sqlite3 program that inserts the same bytes in one transaction, as durable, and writes the
same files: what the disk and SQLite take in any case.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.model.report import Evidence, Finding, Host, Remedy, Report, RuleOut, Scan, SourceOut, Subject, fingerprint
from agent.model.vocabulary import Severity
from agent.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

FINDINGS: Final = 10_000
LIMIT: Final = 1.0
"""Seconds for all of it."""
RUNS: Final = 7
HOST: Final = Host(id="h", name="edge-1", os="Debian GNU/Linux 12", agent_version="0")
START: Final = datetime(2026, 11, 23, tzinfo=UTC)


def report(number: int) -> Report:
    """A report in which every finding says something else than in the one before; each of some two thousand bytes."""
    at = START + timedelta(hours=9 * number)
    return Report(
        host=HOST,
        scan=Scan(at=at, artifacts={"nft.json": "ok"}),
        policy=[],
        verdicts=[],
        findings=[_finding(at, one, number) for one in range(FINDINGS)],
        gaps=[],
    )


def _finding(at: datetime, one: int, number: int) -> Finding:
    domain = f"api{one}.service.example"
    subject = Subject(kind="domain", name=domain)
    place = SourceOut(
        artifact="nft.json",
        table="inet filter",
        chain="forward",
        handle=one + number,
        text=f"ip daddr 203.0.113.{one % 256} tcp dport {{ 80, 443 }} counter packets 0 bytes 0 drop",
    )
    return Finding(
        uid=fingerprint("domain-blocked", "example", subject, "lan", ""),
        rule=RuleOut(
            id="domain-blocked",
            title="A domain that the pack requires cannot be reached",
            pack="example",
            severity_default=Severity.HIGH,
            manual="A domain that must pass is stopped by a rule of the firewall on its way. Instead: let it pass.",
        ),
        severity=Severity.HIGH,
        verdict="fail",
        subject=subject,
        pack="example",
        zone="lan",
        road=["direct"],
        family=[4, 6],
        port=["tcp/443", "udp/443"],
        summary=f"{domain} is stopped on {number + 1} of {number + 2} roads from lan by nftables handle {one + number}",
        locus=[place, replace(place, chain="postrouting"), replace(place, chain="prerouting")],
        evidence=[
            Evidence(type="config", at=at, data={"verdict": "blocked", "road": "direct", "rules": [one, number]})
        ],
        remedy=Remedy(
            text=f"Let {domain} pass in front of the rule that stops it, for both address families.",
            commands=[f"nft insert rule inet filter forward position {one} tcp dport 443 accept comment {domain}"],
            tool="nft",
        ),
        first_seen=at,
        last_seen=at,
        last_changed=at,
        host=HOST,
        references=["https://docs.service.example/network/allow-list"],
    )


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of our own CPU."""
    began, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - spent


def recorded(folder: Path) -> list[tuple[float, float]]:
    """What each of some reports takes, where all that is known changes."""
    with Store(folder) as store:
        store.record(report(0), START)
        took = []
        for number in range(1, RUNS + 1):
            one = report(number)
            took.append(timed(lambda one=one: store.record(one, one.scan.at)))  # type: ignore[misc]
            one.findings.clear()
    return took


def plain(folder: Path, other: Path) -> list[tuple[float, float]]:
    """What a program takes that only inserts the same bytes into two tables, and writes two files of them."""
    with sqlite3.connect(folder / "gateproof.db") as source:
        bodies = source.execute("SELECT uid, body FROM findings ORDER BY uid").fetchall()
        lines = source.execute("SELECT seq, line FROM events ORDER BY seq DESC LIMIT ?", (FINDINGS,)).fetchall()
    source.close()
    connection = sqlite3.connect(other / "plain.db", isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE findings (uid TEXT PRIMARY KEY, body BLOB); CREATE TABLE events (seq INTEGER PRIMARY KEY, line BLOB)"
    )

    def work(number: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR REPLACE INTO findings VALUES (?, ?)", bodies)
        connection.executemany(
            "INSERT INTO events VALUES (?, ?)", ((seq + number * FINDINGS, line) for seq, line in lines)
        )
        connection.execute("COMMIT")
        for file, parts in (("state", bodies), ("events", lines)):
            with (other / file).open("ab" if file == "events" else "wb") as handle:
                handle.write(b"".join(part for _, part in parts))
                handle.flush()
                os.fsync(handle.fileno())

    took = [timed(lambda number=number: work(number)) for number in range(RUNS)]  # type: ignore[misc]
    connection.close()
    return took


def main() -> None:
    """Print a table: medians and the slowest, and how often it is within the limit."""
    place = sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        ours, other = Path(name) / "ours", Path(name) / "plain"
        other.mkdir()
        found = recorded(ours)
        beside = plain(ours, other)
        size = (ours / "findings.json").stat().st_size
    print(f"{FINDINGS} findings of {size // FINDINGS} bytes, all changed; limit {LIMIT:g} s; medians of {RUNS}")
    print(f"{'':<28} {'wall s':>7} {'CPU s':>7} {'slowest s':>10}")
    for what, took in (("recorded, with the files", found), ("plain sqlite3 and two files", beside)):
        walls, cpus = zip(*took, strict=True)
        print(f"{what:<28} {statistics.median(walls):7.2f} {statistics.median(cpus):7.2f} {max(walls):10.2f}")
    within = sum(wall < LIMIT for wall, _ in found)
    print(f"within the limit: {within} of {RUNS}")
    print(time.strftime("%Y-%m-%d"))
