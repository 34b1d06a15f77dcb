"""The recorded gateway with other rules, as practices see it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import catalog
from agent.firewalls.owners import Owners
from agent.judge.verdicts import judge
from agent.judge.zones import find_zones
from agent.model.requirement import PortNeed, Requirement
from agent.practice import Case
from agent.snapshot import Artifact, Snapshot, Status, load
from tests.judge.build import FORWARD, accept, ruleset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.model.evidence import Observed
    from agent.model.judgement import Judgement
    from agent.model.network import Network

GATEWAY = Path(__file__).parents[1] / "gateways" / "egress-allow-list"
ESTABLISHED = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}}
TCP = Requirement("p", "*.a.example", (PortNeed("tcp", 443),))


def case(
    *rules: list[dict[str, Any]],
    policy: str = "drop",
    sets: list[dict[str, Any]] | None = None,
    files: Mapping[str, bytes] | None = None,
    need: Requirement = TCP,
    ipv6: bool = False,
    network: Network | None = None,
    observed: Observed | None = None,
    since: Callable[[Judgement], float] = lambda _: 0.0,
) -> Case:
    """These rules for forwarded packets behind "accept established", in place of the gateway's own.

    With ``ipv6`` lan0 and wan0 have global addresses, and packets are forwarded.
    """
    recorded = load(GATEWAY)
    base = {"forward": FORWARD | {"policy": policy}}
    data = ruleset({"forward": [[ESTABLISHED, accept()], *rules]}, base, sets=sets)
    artifacts = dict(recorded.artifacts) | {"nft.json": Artifact("nft.json", Status.OK, data)}
    artifacts |= _ipv6(artifacts) if ipv6 else {}
    artifacts |= {f"files{path}": Artifact(f"files{path}", Status.OK, text) for path, text in (files or {}).items()}
    read = catalog.read(Snapshot(recorded.taken_at, recorded.host, artifacts), frozenset())
    gateway = replace(read, zones=find_zones(read.network), network=network or read.network)
    judged = judge(gateway, (need,))
    return Case(
        gateway, (need,), judged.judgements, judged.proofs, Owners(gateway.firewall), judged.prover, observed, since
    )


def _ipv6(artifacts: Mapping[str, Artifact]) -> dict[str, Artifact]:
    links = json.loads(artifacts["ip-addr.json"].data)
    routes: list[dict[str, Any]] = [{"dst": "default", "gateway": "fe80::1", "dev": "wan0", "metric": 100, "flags": []}]
    for link in links:
        number = {"lan0": 1, "wan0": 2}.get(link["ifname"])
        if number:
            address = {"family": "inet6", "local": f"2001:db8:{number}::1", "prefixlen": 64, "scope": "global"}
            link["addr_info"].append(address)
            routes.append({"dst": f"2001:db8:{number}::/64", "dev": link["ifname"], "metric": 256, "flags": []})
    found = {"ip-addr.json": json.dumps(links).encode(), "ip-route6.json": json.dumps(routes).encode()}
    for name in artifacts:
        if name.startswith("files/proc/sys/net/ipv6/conf/"):
            found[name] = b"1\n"
    return {name: Artifact(name, Status.OK, data) for name, data in found.items()}
