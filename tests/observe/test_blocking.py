"""Real programs that block a required name, and troubles that only look like it: what live observation says of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.daemons.internet import needs
from tests.daemons.lan import CLIENT
from tests.observe.blocking import NAME, captured, observed, replayed, scene
from tests.observe.blocking_ways import WAYS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tests.observe.blocking_ways import Way

pytestmark = [
    pytest.mark.daemons,
    needs("nft", "iptables", "dnsmasq", "unbound", "haproxy", "squid", "openssl", "tcpdump", "ip"),
]


def fates(records: list[dict[str, Any]]) -> dict[str, set[str]]:
    """What became of the client's requests for the name, by stage."""
    found: dict[str, set[str]] = {}
    for one in records:
        if one["type"] == "outcome" and one["name"] == NAME and one["src_ip"] == CLIENT:
            found.setdefault(one["stage"], set()).add(one["class"])
    return found


@pytest.mark.parametrize("way", WAYS, ids=[way.title for way in WAYS])
def test_what_becomes_of_a_name(way: Way, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    records: list[dict[str, Any]] = []
    capture = tmp_path / "lan0.pcap"
    with scene(tmp_path, way.serve) as made, way.begin(made), captured(made, capture), observed(made, records):
        way.act(made)
        time.sleep(way.after)
    found = fates(records)
    truth = {stage: {fate} for stage, fate in way.truth.items()}
    record_property("truth", way.truth)
    record_property("live", {stage: sorted(ones) for stage, ones in found.items()})
    assert found == truth, [one for one in records if one["type"] == "outcome"]
    # a capture of one side knows less, but accuses nobody else
    for stage, ones in fates(replayed(capture)).items():
        assert ones <= truth[stage] | {"inconclusive", "ok"}, (stage, ones)
    for one in records:
        if one["type"] == "outcome" and one["class"] not in ("ok", "inconclusive"):
            assert one["name"] == NAME, "nobody else is accused"
