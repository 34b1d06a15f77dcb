"""Web access is decided by destination IP address.

Why it matters: services behind a content delivery network answer from any of its addresses and change them
without notice, so an allow-list is always incomplete and a deny-list hits by accident. An address also says
little about who answers: it can be spoofed, a DNS cache can be poisoned, a BGP route can be hijacked.
Instead: let a proxy that filters by domain name decide, and let the firewall pass web traffic to and from it.

This is no pattern search: on a web port the verdict is proved to differ over public addresses, and the rules
where it differs are named, with the number of addresses. Private addresses and the gateway's own do not count,
and sets that a resolver fills from names are decided by name. Lists of attackers, which are short and kept by
tools of their own, weigh less than lists of countries or networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from agent.model.firewall import source_of
from agent.model.vocabulary import Severity, clients_of
from agent.practice import Case, Hit, Rule
from agent.practice.lists import Nature, follows_names, lists_of, nature
from agent.practice.remedy import removal, tool_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.firewall import Decider
    from agent.model.source import Source
    from agent.model.vocabulary import SubjectKind
    from agent.practice import Proof, Ranking

WEB_PORTS = (80, 443)
MAX_RULES = 50
"""Rules named one by one in a zone; a longer deny-list is one hit with its first rules."""
ADVICE = "Let a proxy that filters by domain name decide about the web, and drop the address rules."


class _List(NamedTuple):
    """Where rules of one list decide, and which they are; the rules in the order of their reach, widest first."""

    proofs: list[Proof]
    rankings: list[Ranking]

    def deciders(self, case: Case) -> tuple[Decider, ...]:
        """The rules that choose by address, each once."""
        every = dict.fromkeys(decider for one in self.rankings for decider in one.deciders)
        if not case.gateway.filled_sets:
            return tuple(every)
        return tuple(one for one in every if one[2] is None or not follows_names(one[2], case.gateway))


def find(case: Case) -> Iterator[Hit]:
    """One hit for each deciding rule and zone; an allow-list is one hit for its chain."""
    by_zone: dict[str, list[Proof]] = {}
    for proof in case.proofs:
        if proof.port.port in WEB_PORTS:
            by_zone.setdefault(proof.zone.name, []).append(proof)
    for zone, proofs in by_zone.items():
        deny, allow = _List([], []), _List([], [])
        for proof in proofs:
            _sort_out(proof, deny, allow)
        yield from _allow_lists(case, zone, allow)
        yield from _deny_list(case, zone, deny)


def _sort_out(proof: Proof, deny: _List, allow: _List) -> None:
    """Put the rules that make the verdict differ into one of the lists."""
    for one in proof.classes:
        passed, stopped = one.reach.passing, one.reach.stopped
        if not passed or not stopped:
            continue
        into, verdicts = (allow, ("accept",)) if passed < stopped else (deny, ("drop", "reject"))
        into.proofs.append(proof)
        into.rankings.append(one.reach.ranked(*verdicts))


def _allow_lists(case: Case, zone: str, allow: _List) -> Iterator[Hit]:
    chains: dict[str, list[Decider]] = {}
    for decider in allow.deciders(case):
        chains.setdefault(f"{decider[0].title} {decider[1].name}", []).append(decider)
    for chain, rules in chains.items():
        covered = 100 * max(proof.coverage for proof in allow.proofs)
        sources = tuple(source_of(*decider) for decider in rules[:MAX_RULES])
        more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
        summary = (
            f"{chain} lets {clients_of(zone)} reach only listed addresses, "
            f"{covered:.2g} % of the public ones: {sources[0].text}{more}"
        )
        yield _hit(case, zone, ("zone", zone), summary, sources, allow.proofs, f"allow-list {chain}")


def _deny_list(case: Case, zone: str, deny: _List) -> Iterator[Hit]:
    rules = deny.deciders(case)
    sources = tuple(source_of(*decider) for decider in rules[:MAX_RULES])
    if len(rules) > MAX_RULES:
        where = f"{sources[0].table} {sources[0].chain}"
        summary = (
            f"{len(rules)} rules of {where} and others stop web traffic of {clients_of(zone)} by destination address"
        )
        yield _hit(case, zone, ("zone", zone), summary, sources, deny.proofs, f"deny-list {where}")
        return
    for decider, source in zip(rules, sources, strict=True):
        proofs = [proof for proof, one in zip(*deny, strict=True) if decider in one.deciders]
        sizes = [part.addresses.size() for one in deny.rankings for part in one.widest if part.decider == decider]
        about, threats = _about(case, decider, source)
        text = (
            f"web traffic of {clients_of(zone)} is stopped by destination address"
            f" ({max(sizes)} of them){about}: {source}"
        )
        key = f"{source.table} {source.chain} {source.text}"
        yield _hit(case, zone, ("rule", source.text), text, (source,), proofs, key, threats=threats)


def _about(case: Case, decider: Decider, source: Source) -> tuple[str, bool]:
    """What a rule's list is about, in words; and whether it is about attackers only."""
    rule = decider[2]
    lists = lists_of(rule) if rule is not None else ()
    if not lists:
        return "", False
    tool = tool_of(source, case.owners)
    kinds = [nature(one, tool) for one in lists]
    return f", by a {kinds[0]}", all(kind is Nature.THREATS for kind in kinds)


def _hit(  # noqa: PLR0913, PLR0917 - what one hit is made of, in one place
    case: Case,
    zone: str,
    subject: tuple[SubjectKind, str],
    summary: str,
    sources: tuple[Source, ...],
    proofs: Sequence[Proof],
    key: str,
    *,
    threats: bool = False,
) -> Hit:
    required = any(proof.port.required for proof in proofs)
    return Hit(
        summary,
        subject,
        sources,
        ADVICE,
        removal(sources, case.owners),
        tool_of(sources[0], case.owners),
        Severity.LOW if threats else Severity.HIGH if required else None,
        zone=zone,
        key=f"{sources[0].artifact} {key}",
        families=frozenset(proof.family for proof in proofs),
        ports=frozenset(proof.port.text for proof in proofs),
    )


RULE = Rule("web-filtered-by-ip", "Web access is decided by IP address", Severity.MEDIUM, find)
