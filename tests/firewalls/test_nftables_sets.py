"""Sets that are listed apart: which are asked for, what is read, and a million addresses as a stream."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.firewalls import nftables
from agent.firewalls.nftables import setlist
from agent.model.expression import BoxTable, IntervalTable, NamedSet, UnknownTable
from agent.model.intervals import Intervals, address_text
from agent.snapshot import Artifact, Command, Snapshot, Status
from tests.kernel import needs

HEAD = {"metainfo": {"json_schema_version": 1}}


def a_set(name: str, kind: str = "ipv4_addr", **more: Any) -> dict[str, Any]:
    return {"set": {"family": "inet", "name": name, "table": "t", "type": kind, "handle": 1} | more}


def rule(name: str) -> dict[str, Any]:
    left = {"payload": {"protocol": "ip", "field": "daddr"}}
    expr = [{"match": {"op": "==", "left": left, "right": f"@{name}"}}, {"drop": None}]
    return {"rule": {"family": "inet", "table": "t", "chain": "c", "handle": 9, "expr": expr}}


def listing(*objects: dict[str, Any]) -> bytes:
    table = {"table": {"family": "inet", "name": "t", "handle": 1}}
    chain = {"chain": {"family": "inet", "table": "t", "name": "c", "handle": 1}}
    return json.dumps({"nftables": [HEAD, table, *(one for one in objects if "set" in one), chain,
                                    *(one for one in objects if "rule" in one)]}).encode()  # fmt: skip


def snapshot(*artifacts: Artifact) -> Snapshot:
    return Snapshot(datetime(2026, 11, 23, tzinfo=UTC), {}, {one.name: one for one in artifacts})


def only_set(*artifacts: Artifact) -> NamedSet:
    (table,) = nftables.read(snapshot(*artifacts), frozenset()).tables
    (found,) = table.sets
    return found


NFT = "nft.json"
BAD = setlist.artifact_of("inet", "t", "bad")


def test_only_sets_that_rules_name_are_asked_for() -> None:
    data = listing(a_set("bad"), a_set("idle"), a_set("known", elem=["1.2.3.4"]), rule("bad"), rule("known"))
    wants = list(nftables.wants(snapshot(Artifact(NFT, Status.OK, data))))
    assert [want.ask for want in wants] == [Command(("nft", "-j", "list", "set", "inet", "t", "bad"))]
    answered = snapshot(Artifact(NFT, Status.OK, data), Artifact(BAD, Status.TIMEOUT))
    assert not list(nftables.wants(answered))


def test_what_could_not_be_listed_is_unknown() -> None:
    late = Artifact(BAD, Status.TIMEOUT, detail="no answer within 20 s")
    found = only_set(Artifact(NFT, Status.OK, listing(a_set("bad"), rule("bad"))), late)
    assert found.elements == UnknownTable("the elements of set bad could not be listed: timeout: no answer within 20 s")
    torn = Artifact(BAD, Status.OK, b'{"nftables": [')
    found = only_set(Artifact(NFT, Status.OK, listing(a_set("bad"), rule("bad"))), torn)
    assert isinstance(found.elements, UnknownTable)


def test_without_a_listing_of_its_own_a_set_is_empty() -> None:
    found = only_set(Artifact(NFT, Status.OK, listing(a_set("bad"), rule("bad"))))
    assert found.elements == IntervalTable(Intervals())


@given(st.lists(st.integers(0, 2**32 - 1), max_size=60, unique=True))
def test_addresses_are_read_as_a_stream(values: list[int]) -> None:
    texts = [address_text(value, 4) for value in values]
    data = json.dumps({"nftables": [HEAD, a_set("bad", elem=texts)]}).encode() + b" " * setlist.MANY
    found = only_set(Artifact(NFT, Status.OK, listing(a_set("bad"), rule("bad"))), Artifact(BAD, Status.OK, data))
    assert found.elements == IntervalTable(Intervals.of((value, value) for value in values))


@pytest.mark.parametrize(
    ("kind", "elements", "keys"),
    [
        ("ipv4_addr", [{"prefix": {"addr": "10.0.0.0", "len": 8}}, "1.2.3.4"], [(0x01020304, 0x01020304), (10 << 24, (11 << 24) - 1)]),
        ("ipv4_addr", [{"elem": {"val": "1.2.3.4", "timeout": 60}}], [(0x01020304, 0x01020304)]),
        ("inet_service", [80, 443], [(80, 80), (443, 443)]),
        ("ipv4_addr", ["1.2.3.999"], None),
    ],
)  # fmt: skip
def test_other_elements_are_read_too(kind: str, elements: list[Any], keys: list[tuple[int, int]] | None) -> None:
    data = json.dumps({"nftables": [HEAD, a_set("bad", kind, elem=elements)]}).encode() + b" " * setlist.MANY
    found = only_set(Artifact(NFT, Status.OK, listing(a_set("bad", kind), rule("bad"))), Artifact(BAD, Status.OK, data))
    assert found.elements == IntervalTable(Intervals.of(keys)) if keys else isinstance(found.elements, UnknownTable)


def test_concatenations_are_read_too() -> None:
    pair = [{"concat": ["1.2.3.4", 443]}]
    one = a_set("bad", elem=pair)
    one["set"]["type"] = ["ipv4_addr", "inet_service"]
    bare = a_set("bad")
    bare["set"]["type"] = ["ipv4_addr", "inet_service"]
    data = json.dumps({"nftables": [HEAD, one]}).encode()
    found = only_set(Artifact(NFT, Status.OK, listing(bare, rule("bad"))), Artifact(BAD, Status.OK, data))
    assert isinstance(found.elements, BoxTable)


@pytest.mark.kernel
@pytest.mark.skipif(bool(needs.REASON), reason=needs.REASON or "can run")
def test_a_live_host_is_asked_set_by_set() -> None:
    flow = '{"in_iface": "lan0", "src": "192.168.7.20", "dst": "%s", "proto": "tcp", "dport": 443}'
    with needs.gateway() as shell:
        done = shell(
            "nft -f - <<'N'\ntable inet t {\n set bad { type ipv4_addr; flags interval; elements = { 23.32.0.0/11, 8.8.8.8 } }\n"
            " map m { type inet_service : verdict; elements = { 25 : drop } }\n"
            " chain c { type filter hook forward priority 0; ip daddr @bad drop; tcp dport vmap @m; }\n}\nN\n"
            f"printf '%s\\n' '{flow % '23.40.1.2'}' '{flow % '8.8.8.8'}' '{flow % '1.1.1.1'}'"
            f" | {sys.executable} -m agent trace --flows -"
        )
        assert done.returncode == 0, done.stderr
    verdicts = [json.loads(line)["verdict"] for line in done.stdout.splitlines()]
    assert verdicts == ["drop", "drop", "accept"]
