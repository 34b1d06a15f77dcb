"""IPv6 is treated as nobody meant it: the rules were written for IPv4.

Why it matters: clients with an IPv6 address try it first. Where rules restrict IPv4 and IPv6 passes freely,
the restriction does not exist; where IPv4 passes and IPv6 is stopped, pages open late or not at all.
Instead: write rules in a table of family `inet`, or keep the IPv6 rules equal to those for IPv4.

It is proved over all public addresses of both families, and only where IPv6 has a way to the internet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.vocabulary import Severity, clients_of
from agent.practice import Case, Hit, Rule
from agent.practice.remedy import tool_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.practice import Proof

OPEN = 0.99
"""Share of the addresses that pass where nothing is meant to be stopped; a few bad networks aside."""


def find(case: Case) -> Iterator[Hit]:
    """One hit for each zone and direction."""
    proofs: dict[tuple[str, str], dict[int, Proof]] = {}
    for proof in case.proofs:
        proofs.setdefault((proof.zone.name, proof.port.text), {})[proof.family] = proof
    unfiltered: dict[str, list[Proof]] = {}
    closed: dict[str, list[Proof]] = {}
    for (zone, _), families in proofs.items():
        if len(families) < 2:
            continue
        four, six = families[4], families[6]
        if six.coverage == 1 and _stopped(four) and not _stopped(six):
            unfiltered.setdefault(zone, []).append(six)
        elif four.coverage >= OPEN and not six.coverage and _stopped(six):
            closed.setdefault(zone, []).append(six)
    for zone, some in unfiltered.items():
        yield _hit(case, zone, some, ("accept",), "passes freely over IPv6, though IPv4 is restricted", "free")
    for zone, some in closed.items():
        yield _hit(case, zone, some, ("drop", "reject"), "passes over IPv4, and all of IPv6 is stopped", "closed")


def _stopped(proof: Proof) -> bool:
    return any(one.reach.drop or one.reach.reject for one in proof.classes)


def _hit(case: Case, zone: str, proofs: list[Proof], verdicts: tuple[str, ...], what: str, kind: str) -> Hit:  # noqa: PLR0913, PLR0917 - one sentence
    widest = [part.source for proof in proofs for part in proof.ranked(*verdicts).widest]
    sources = tuple(dict.fromkeys(source for source in widest if source is not None))
    ports = ", ".join(sorted({proof.port.text for proof in proofs}))
    by = f", by {sources[0]}" if sources else ""
    return Hit(
        f"{ports} of {clients_of(zone)} {what}{by}",
        ("zone", zone),
        sources[:20],
        "Make the rules for IPv6 equal to those for IPv4; one table of family inet serves both.",
        (),
        tool_of(sources[0], case.owners) if sources else "",
        zone=zone,
        key=kind,
        families=frozenset({6}),
        ports=frozenset(proof.port.text for proof in proofs),
    )


RULE = Rule("ipv6-forgotten", "The rules forget IPv6", Severity.MEDIUM, find)
