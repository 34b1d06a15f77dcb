"""Real programs that block a required name, and troubles that only look like it: what live observation says of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.daemons.internet import needs
from tests.daemons.lan import CLIENT
from tests.observe.blocking import MASQUERADE, NAME, captured, observed, replayed, scene
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


def certain(way: Way, found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Without what chance made inconclusive."""
    if not way.lossy:
        return found
    return {stage: rest for stage, ones in found.items() if (rest := ones - {"inconclusive"})}


CASES = [pytest.param(way, False, id=way.title) for way in WAYS]
CASES += [pytest.param(way, True, id=f"{way.title}, behind NAT") for way in WAYS if way.on_the_way]


@pytest.mark.parametrize(("way", "nat"), CASES)
def test_what_becomes_of_a_name(
    way: Way, nat: bool, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    records: list[dict[str, Any]] = []
    one_side, both_sides = tmp_path / "lan0.pcap", tmp_path / "any.pcap"
    with scene(tmp_path, way.serve) as made, way.begin(made):
        if nat:
            made.rules(MASQUERADE)
        with captured(made, "lan0", one_side), captured(made, "any", both_sides), observed(made, records):
            way.act(made)
            time.sleep(way.after)
    found = certain(way, fates(records))
    truth = {stage: {fate} for stage, fate in way.truth.items()}
    record_property("truth", way.truth)
    record_property("live", {stage: sorted(ones) for stage, ones in found.items()})
    assert found == truth, [one for one in records if one["type"] == "outcome"]
    # a capture of one side knows less, one of both as much about what is forwarded; neither accuses anybody else
    for capture in (one_side, both_sides):
        told = replayed(capture)
        for stage, ones in fates(told).items():
            assert ones <= truth.get(stage, set()) | {"inconclusive", "ok"}, (capture.name, stage, ones)
        records += told
    if way.on_the_way:
        assert certain(way, fates(told)) == truth
    for one in records:
        if one["type"] == "outcome" and one["class"] not in ("ok", "inconclusive"):
            assert (one["name"], one["src_ip"]) == (NAME, CLIENT), "nobody else is accused"
