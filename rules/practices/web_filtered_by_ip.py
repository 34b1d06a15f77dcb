"""Web access is decided by destination IP address.

Why it matters: services behind a content delivery network answer from any of its addresses and change them
without notice, so an allow-list is always incomplete and a deny-list hits by accident. An address also says
little about who answers: it can be spoofed, a DNS cache can be poisoned, a BGP route can be hijacked.
Instead: let a proxy that filters by domain name decide, and let the firewall pass web traffic to and from it.

This is no pattern search: on a web port the verdict is proved to differ over public addresses, and the rules
where it differs are named. Private addresses and the gateway's own do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.firewall import source_of
from agent.model.vocabulary import Severity, clients_of
from agent.practice import Case, Hit, Rule
from agent.practice.remedy import remove_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.model.firewall import Decider
    from agent.model.source import Source
    from agent.practice import Proof

WEB_PORTS = (80, 443)
MAX_RULES = 50
"""Rules named one by one in a zone; a longer deny-list is one hit with its first rules."""
ADVICE = "Let a proxy that filters by domain name decide about the web, and drop the address rules."


def find(case: Case) -> Iterator[Hit]:
    """One hit for each deciding rule and zone; an allow-list is one hit for its chain."""
    by_zone: dict[str, list[Proof]] = {}
    for proof in case.proofs:
        if proof.port.port in WEB_PORTS:
            by_zone.setdefault(proof.zone.name, []).append(proof)
    for zone, proofs in by_zone.items():
        deny: dict[Decider, list[Proof]] = {}
        allow: dict[str, dict[Decider, list[Proof]]] = {}
        for proof in proofs:
            _sort_out(proof, deny, allow)
        for chain, rules in allow.items():
            yield _allow_list(zone, chain, rules)
        yield from _deny_list(zone, deny)


def _sort_out(proof: Proof, deny: dict[Decider, list[Proof]], allow: dict[str, dict[Decider, list[Proof]]]) -> None:
    """Put the rules that make the verdict differ into one of the lists."""
    for one in proof.classes:
        passed, stopped = one.reach.accept, one.reach.drop | one.reach.reject
        if not passed or not stopped:
            continue
        is_allow_list = passed.size() < stopped.size()
        ranked = one.reach.ranked("accept") if is_allow_list else one.reach.ranked("drop", "reject")
        for decider in ranked.deciders:
            if is_allow_list:
                table, chain, _ = decider
                allow.setdefault(f"{table.title} {chain.name}", {}).setdefault(decider, []).append(proof)
            else:
                deny.setdefault(decider, []).append(proof)


def _allow_list(zone: str, chain: str, rules: dict[Decider, list[Proof]]) -> Hit:
    proofs = [proof for some in rules.values() for proof in some]
    covered = 100 * max(proof.coverage for proof in proofs)
    sources = tuple(source_of(*decider) for decider in list(rules)[:MAX_RULES])
    more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
    summary = (
        f"{chain} lets {clients_of(zone)} reach only listed addresses, "
        f"{covered:.2g} % of the public ones: {sources[0].text}{more}"
    )
    return _hit(zone, ("zone", zone), summary, sources, proofs, f"allow-list {chain}")


def _deny_list(zone: str, rules: dict[Decider, list[Proof]]) -> Iterator[Hit]:
    sources = tuple(source_of(*decider) for decider in list(rules)[:MAX_RULES])
    if len(rules) > MAX_RULES:
        proofs = [proof for some in rules.values() for proof in some]
        where = f"{sources[0].table} {sources[0].chain}"
        summary = (
            f"{len(rules)} rules of {where} and others stop web traffic of {clients_of(zone)} by destination address"
        )
        yield _hit(zone, ("zone", zone), summary, sources, proofs, f"deny-list {where}")
        return
    for source, proofs in zip(sources, rules.values(), strict=True):
        text = f"web traffic of {clients_of(zone)} is stopped by destination address: {source}"
        yield _hit(
            zone,
            ("rule", source.text),
            text,
            (source,),
            proofs,
            f"{source.table} {source.chain} {source.text}",
        )


def _hit(  # noqa: PLR0913, PLR0917 - what one hit is made of, in one place
    zone: str,
    subject: tuple[str, str],
    summary: str,
    sources: tuple[Source, ...],
    proofs: list[Proof],
    key: str,
) -> Hit:
    required = any(proof.port.required for proof in proofs)
    return Hit(
        summary,
        subject,
        sources,
        ADVICE,
        tuple(command for source in sources[:5] if (command := remove_command(source))),
        sources[0].artifact.partition(".")[0],
        Severity.HIGH if required else None,
        zone=zone,
        key=f"{sources[0].artifact} {key}",
        families=frozenset(proof.family for proof in proofs),
        ports=frozenset(proof.port.text for proof in proofs),
    )


RULE = Rule("web-filtered-by-ip", "Web access is decided by IP address", Severity.MEDIUM, find)
