"""A poller that is killed at random loses no event, and sees none twice once it has left out what it had."""

from __future__ import annotations

import http.client
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.serve.limits import Ceilings
from agent.store import Store
from agent.store.files import EVENTS
from tests.serve.running import SOON, inside
from tests.store.test_lifecycle import finding, report

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES: Final = "abcdef"
AUDITS = st.lists(st.sets(st.sampled_from(NAMES)), min_size=1, max_size=6)
"""The findings of each audit."""
DEATHS = st.lists(st.sampled_from(["lives", "before the answer", "before it is kept", "before the cursor is kept"]))


class Poller:
    """Keeps what it reads, and the cursor after it; both survive its death, but not what it has in hand."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.kept: list[tuple[str, int]] = []
        self._cursor = ""

    def poll(self, limit: int, death: str) -> bool:
        """Ask once; gives whether there is more."""
        after = f"&after={self._cursor}" if self._cursor else ""
        if death == "before the answer":
            return True
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SOON)
        client.request("GET", f"/v1/events?limit={limit}{after}")
        told = orjson.loads(client.getresponse().read())
        client.close()
        if death == "before it is kept":
            return True
        self.kept += [(one["finding"]["uid"], one["seq"]) for one in told["events"]]
        if death == "before the cursor is kept":
            return True
        self._cursor = told["next"]
        return bool(told["more"])


def changes(folder: Path, audits: Sequence[set[str]], poller: Poller, limit: int, deaths: Sequence[str]) -> None:
    """Audits, with a poll between them that may be its last."""
    at = datetime.now(UTC) - timedelta(hours=1)
    left = iter(deaths)
    for number, names in enumerate(audits):
        now = at + timedelta(minutes=number)
        with Store(folder) as store:
            store.record(report(now, *(finding(name, now) for name in sorted(names))), now)
        poller.poll(limit, next(left, "lives"))
    for death in left:
        poller.poll(limit, death)


@settings(max_examples=40)
@given(audits=AUDITS, limit=st.integers(1, 4), deaths=DEATHS)
def test_no_event_is_lost_and_none_is_new_twice(audits: list[set[str]], limit: int, deaths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with inside(folder, Ceilings()) as (port, _):
            poller = Poller(port)
            changes(folder, audits, poller, limit, deaths)
            while poller.poll(limit, "lives"):
                pass
            (folder / EVENTS).touch()  # without any event there is none
            written = [orjson.loads(line) for line in (folder / EVENTS).read_bytes().splitlines()]
    happened = [(one["finding"]["uid"], one["seq"]) for one in written]
    assert list(dict.fromkeys(poller.kept)) == happened
