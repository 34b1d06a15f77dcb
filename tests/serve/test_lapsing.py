"""The API tells of a suppression that lapses between two audits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from agent.model.report import Report, Scan, SuppressionOut
from agent.serve.state import State
from agent.store import Store
from tests.store.test_lifecycle import HOST

if TYPE_CHECKING:
    from pathlib import Path


def test_the_state_is_that_of_now_although_the_store_is_the_same(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    soon = SuppressionOut(
        owner="ops",
        reason="why",
        expires=now + timedelta(seconds=2),
        scope={"rule": "r"},
        state="expiring",
        findings=0,
    )
    report = Report(
        host=HOST, scan=Scan(at=now, artifacts={}), policy=[], verdicts=[], findings=[], gaps=[], suppressions=[soon]
    )
    with Store(tmp_path) as store:
        store.record(report, now)

    async def asked() -> tuple[datetime, list[str], list[str]]:
        state = State(tmp_path)
        try:
            first, at = await state.standing(), datetime.now(UTC)
            await asyncio.sleep((soon.expires - at).total_seconds() + 0.1)
            second = await state.standing()
        finally:
            state.close()
        return at, [one.state for one in first.suppressions], [one.state for one in second.suppressions]

    at, first, second = asyncio.run(asked())
    assert first == ["expiring"] or at >= soon.expires, "a machine that is very slow"
    assert second == ["expired"]
