"""HTTP/3 is dropped in silence where the same web site may be reached by TCP.

Why it matters: browsers try QUIC (udp/443) first or beside TCP. A packet that nobody answers makes them wait and
try again; pages open late, and only sometimes, which looks like a slow service.
Instead: reject udp/443, so that browsers fall back to TCP at once; or let it pass.

It is proved, not guessed: there are public addresses to which tcp/443 passes and udp/443 is dropped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.model.firewall import source_of
from agent.model.vocabulary import Severity, from_zone
from agent.practice import Case, Hit, Rule, rank
from agent.practice.remedy import tool_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.firewall import Decider
    from agent.model.source import Source
    from agent.practice import Proof

HTTPS = 443
MAX_RULES = 50


def find(case: Case) -> Iterator[Hit]:
    """One hit for each zone."""
    zones: dict[str, dict[int, dict[str, Proof]]] = {}
    for proof in case.proofs:
        if proof.port.port == HTTPS:
            zones.setdefault(proof.zone.name, {}).setdefault(proof.family, {})[proof.port.proto] = proof
    for zone, families in zones.items():
        found: dict[Decider, set[int]] = {}
        for family, proofs in families.items():
            if {"tcp", "udp"} <= proofs.keys():
                for decider in _droppers(proofs["tcp"], proofs["udp"]):
                    found.setdefault(decider, set()).add(family)
        if found:
            yield _hit(case, zone, found)


def _droppers(by_tcp: Proof, by_udp: Proof) -> Iterator[Decider]:
    """What drops QUIC to addresses that the same clients reach by TCP."""
    for clients, others in zip(by_udp.classes, by_tcp.classes, strict=True):
        yield from rank(
            replace(part, addresses=both)
            for part in clients.reach.parts
            if part.verdict == "drop" and (both := part.addresses & others.reach.accept)
        ).deciders


def _hit(case: Case, zone: str, found: dict[Decider, set[int]]) -> Hit:
    sources = tuple(source_of(*decider) for decider in list(found)[:MAX_RULES])
    first = sources[0]
    return Hit(
        f"HTTP/3 (udp/443) is dropped in silence {from_zone(zone)} where tcp/443 passes, by {first}",
        ("zone", zone),
        sources,
        "Reject udp/443 before it is dropped, so that browsers fall back to TCP at once; or let it pass.",
        _commands(case, first),
        tool_of(first, case.owners),
        zone=zone,
        key=f"{first.artifact} {first.table} {first.chain}",
        families=frozenset(family for families in found.values() for family in families),
        ports=frozenset({"udp/443"}),
    )


def _commands(case: Case, source: Source) -> tuple[str, ...]:
    """A last rule before a policy that no tool sets: a tool's next reload would take it away again."""
    if not source.text.startswith("policy ") or source.table is None or source.chain is None or case.owners.of(source):
        return ()
    tool = source.artifact.partition(".")[0]
    if tool == "nft":
        return (f"nft add rule {source.table} {source.chain} udp dport 443 reject",)
    return (f"{tool} -A {source.chain} -p udp --dport 443 -j REJECT",)


RULE = Rule("quic-dropped-not-rejected", "HTTP/3 is dropped in silence", Severity.LOW, find)
