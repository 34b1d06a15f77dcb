"""What is remembered of each audit besides its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from agent.model.standing import AUDIT, Check, cells

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from agent.model.evidence import Observed
    from agent.model.explanation import Explanation
    from agent.model.report import Report
    from agent.store.lifecycle import Change


def scanned(
    connection: sqlite3.Connection, report: Report, now: datetime, counts: Mapping[Change, int], check: Check | None
) -> None:
    """An audit that was done, with its numbers."""
    connection.execute(
        "INSERT INTO scans (name, at, duration, trouble, findings, opened, changed, resolved, reopened)"
        " VALUES (?, ?, ?, '', ?, ?, ?, ?, ?)",
        (AUDIT, now.timestamp(), check.duration if check else None, len(report.findings), *counts.values()),
    )


def failed(connection: sqlite3.Connection, one: Check) -> None:
    """Something that could not be done."""
    connection.execute(
        "INSERT INTO scans (name, at, duration, trouble) VALUES (?, ?, ?, ?)",
        (one.name, one.attempted.timestamp(), one.duration, one.trouble),
    )


def checked(connection: sqlite3.Connection, one: Check) -> None:
    """How it went with one thing the last time; when it last succeeded stays."""
    connection.execute(
        "INSERT INTO checks (name, attempted, succeeded, duration, trouble, unknown)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET attempted = excluded.attempted,"
        " succeeded = coalesce(excluded.succeeded, succeeded), duration = coalesce(excluded.duration, duration),"
        " trouble = excluded.trouble, unknown = excluded.unknown",
        (
            one.name,
            one.attempted.timestamp(),
            one.succeeded.timestamp() if one.succeeded else None,
            one.duration,
            one.trouble,
            orjson.dumps(dict(one.unknown)).decode(),
        ),
    )


def settled(connection: sqlite3.Connection, done: Sequence[Check]) -> None:
    """Forget what nobody does any more: its last success would be stale for ever."""
    if done:
        marks = ", ".join("?" * len(done))
        connection.execute(f"DELETE FROM checks WHERE name NOT IN ({marks})", [one.name for one in done])  # noqa: S608 - marks alone


def verdicts(connection: sqlite3.Connection, report: Report, now: datetime) -> None:
    """A row for each time that a domain's verdict from a zone was what it was."""
    at = now.timestamp()
    standing = {
        (pack, domain, zone): (rowid, verdict, coverage)
        for rowid, pack, domain, zone, verdict, coverage in connection.execute(
            "SELECT rowid, pack, domain, zone, verdict, coverage FROM verdicts WHERE until IS NULL"
        )
    }
    for cell in cells(report.verdicts):
        key = (cell.pack, cell.domain, cell.zone)
        before = standing.pop(key, None)
        if before is not None and before[1:] == (cell.verdict.value, cell.coverage):
            continue
        if before is not None:
            connection.execute("UPDATE verdicts SET until = ? WHERE rowid = ?", (at, before[0]))
        connection.execute(
            "INSERT INTO verdicts (pack, domain, zone, verdict, coverage, since) VALUES (?, ?, ?, ?, ?, ?)",
            (*key, cell.verdict.value, cell.coverage, at),
        )
    for rowid, *_ in standing.values():  # a domain or a zone that is no more
        connection.execute("UPDATE verdicts SET until = ? WHERE rowid = ?", (at, rowid))


def tallied(connection: sqlite3.Connection, report: Report, observed: Observed | None, now: datetime) -> None:
    """What traffic has shown of each domain, in numbers."""
    if observed is None:
        return
    for policy in report.policy:
        for pattern in policy.domains:
            seen = observed.of(policy.name, pattern)
            passed = sum(one.count for one in seen.outcomes if one.passed)
            blocked = sum(one.count for one in seen.outcomes if one.blocked)
            rest = sum(one.count for one in seen.outcomes) - passed - blocked
            connection.execute(
                "INSERT INTO tallies (at, pack, domain, addresses, passed, blocked, inconclusive)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (now.timestamp(), policy.name, pattern, len(seen.addresses), passed, blocked, rest),
            )


def documents(connection: sqlite3.Connection, report: Report, explanations: Sequence[Explanation]) -> None:
    """What the last report says that has no history of its own."""
    told: dict[str, Any] = {
        "host": report.host,
        "scan": report.scan,
        "policy": report.policy,
        "verdicts": report.verdicts,
        "gaps": report.gaps,
        "notes": report.notes,
        "suppressions": report.suppressions,
    }
    connection.executemany(
        "INSERT OR REPLACE INTO documents (name, body) VALUES (?, ?)",
        ((name, orjson.dumps(value, option=orjson.OPT_UTC_Z)) for name, value in told.items()),
    )
    connection.execute("DELETE FROM explanations")
    connection.executemany(
        "INSERT OR REPLACE INTO explanations (domain, zone, body) VALUES (?, ?, ?)",
        ((one.domain, one.zone, orjson.dumps(one)) for one in explanations),
    )
