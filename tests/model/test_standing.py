"""How things stand, as time goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.model.report import SuppressionOut
from agent.model.standing import Kept, Standing, as_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ONE = SuppressionOut(owner="ops", reason="why", expires=NOW, scope={"rule": "r"}, state="expiring", findings=2)
KEPT = Kept(epoch="e", seq=1, opened=1, resolved=0, events=1, size=1, errors=0)


@pytest.mark.parametrize(
    ("later", "state"), [(-1, "expiring"), (0, "expired"), (1, "expired")], ids=["before", "at", "after"]
)
def test_a_suppression_that_lapsed_after_the_audit_is_expired(later: int, state: str) -> None:
    other = replace(ONE, expires=NOW + timedelta(days=30), state="active")
    before = Standing(host=None, at=NOW - timedelta(minutes=9), kept=KEPT, suppressions=(ONE, other))
    after = as_of(before, NOW + timedelta(seconds=later))
    assert [one.state for one in after.suppressions] == [state, "active"]
    assert [one.findings for one in after.suppressions] == [2, 2], "until the next audit that is how many it held"
    assert replace(after, suppressions=before.suppressions) == before
