"""Small firewalls for tests, in few words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agent.firewalls.merge import merge
from agent.firewalls.nftables.read import parse
from agent.judge.flow import Flow, read_flow
from agent.model.gateway import Gateway

if TYPE_CHECKING:
    from agent.model.network import Network

FORWARD = {"type": "filter", "hook": "forward", "prio": 0}


def accept() -> dict[str, Any]:
    return {"accept": None}


def drop() -> dict[str, Any]:
    return {"drop": None}


def match(protocol: str, field: str, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


def meta(key: str, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"meta": {"key": key}}, "right": right}}


def ruleset(
    chains: dict[str, list[list[dict[str, Any]]]],
    bases: dict[str, dict[str, Any]],
    family: str = "inet",
    sets: list[dict[str, Any]] | None = None,
) -> bytes:
    """Nft's JSON of one table: chain names to rules, base chain names to hook and policy."""
    objects: list[dict[str, Any]] = [
        {"metainfo": {"json_schema_version": 1}},
        {"table": {"family": family, "name": "filter", "handle": 1}},
    ]
    objects += [{"set": {"family": family, "table": "filter", "handle": 90} | one} for one in sets or ()]
    for number, name in enumerate(chains, 1):
        chain = {"family": family, "table": "filter", "name": name, "handle": number}
        objects.append({"chain": chain | bases.get(name, {})})
    handle = 100
    for name, rules in chains.items():
        for expr in rules:
            handle += 1
            rule = {"family": family, "table": "filter", "chain": name, "handle": handle, "expr": expr}
            objects.append({"rule": rule})
    return json.dumps({"nftables": objects}).encode()


def gateway(data: bytes, network: Network | None = None) -> Gateway:
    tables, gaps = parse(data, "nft.json")
    firewall = merge(tables, gaps)
    return Gateway(firewall) if network is None else Gateway(firewall, network)


def forward(*rules: list[dict[str, Any]], policy: str = "drop", **others: list[list[dict[str, Any]]]) -> Gateway:
    """A gateway with one forward chain, and perhaps other chains to jump to."""
    return gateway(ruleset({"forward": list(rules), **others}, {"forward": FORWARD | {"policy": policy}}))


def flow(dst: str = "23.40.1.2", **others: Any) -> Flow:
    body = {"in_iface": "lan0", "out_iface": "wan0", "src": "192.168.7.20", "dst": dst, "proto": "tcp", "dport": 443}
    return read_flow(json.dumps(body | others).encode(), 1)
