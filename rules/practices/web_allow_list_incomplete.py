"""An allow-list of addresses leaves out addresses that a required domain really had.

Why it matters: services behind a content delivery network answer from any of its addresses and change them without
notice. Each address that is missing is a page that does not load, for some users, some of the time.
Instead: let a proxy that filters by domain name decide, and let the firewall pass web traffic to it.

What a domain had is known from the answers of DNS and from connections that passed, in the last seven days; what the
list lets pass is proved. Sets that a resolver fills from the domain's names follow it by themselves, and do not count.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from agent.model.firewall import source_of
from agent.model.overall import overall
from agent.model.vocabulary import Reach, Severity, from_zone
from agent.practice import Case, Hit, Rule, Sight
from agent.practice.lists import follows_names
from agent.practice.namesets import by_domain
from agent.practice.remedy import tool_of
from agent.practice.seen import moment, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.evidence import Address, Observed
    from agent.model.firewall import Decider
    from agent.model.requirement import Requirement
    from agent.practice import Proof

MAX_RULES = 50
ADVICE = (
    "Let a proxy that filters by domain name decide about the web: the addresses of a content delivery network change"
    " faster than any list."
)


def find(case: Case) -> Iterator[Hit]:
    """One hit for each domain and zone."""
    if case.observed is None:
        return
    lists = [(proof, rules) for proof in case.proofs if proof.port.required and (rules := _allowing(case, proof))]
    following = by_domain(case) if lists else {}
    for requirement in case.requirements:
        addresses = case.observed.of(requirement.pack, requirement.pattern).addresses
        had = [one for one in addresses if one.answered or one.passed]
        if not had or requirement.pattern in following:
            continue
        for zone in case.gateway.zones:
            proofs = [one for one in lists if one[0].zone == zone and one[0].port in requirement.ports]
            if proofs and _verdict(case, requirement, zone.name) is not Reach.ALLOWED:
                yield from _hits(case, case.observed, requirement, had, proofs)


def _allowing(case: Case, proof: Proof) -> tuple[Decider, ...]:
    """The rules that let listed addresses pass, where most of the others are stopped."""
    found: dict[Decider, None] = {}
    for one in proof.classes:
        if 0 < one.reach.passing < one.reach.stopped:
            found |= dict.fromkeys(one.reach.ranked("accept").deciders)
    return tuple(one for one in found if one[2] is None or not follows_names(one[2], case.gateway))


def _verdict(case: Case, requirement: Requirement, zone: str) -> Reach:
    """Clients that ask a proxy need no list."""
    return overall(
        one for one in case.judgements if one.requirement == requirement and one.zone == zone and one.port.required
    )


def _hits(
    case: Case,
    observed: Observed,
    requirement: Requirement,
    had: list[Address],
    proofs: list[tuple[Proof, tuple[Decider, ...]]],
) -> Iterator[Hit]:
    asked: set[str] = set()
    outside: dict[str, Address] = {}
    missing = []
    for proof, rules in proofs:
        mine = [one for one in had if one.family == proof.family and _value(one) in proof.space]
        asked.update(one.address for one in mine)
        stopped = proof.sets()[1]
        found = {one.address: one for one in mine if _value(one) in stopped}
        if found:
            outside |= found
            missing.append((proof, rules))
    if not outside:
        return
    share = f"{100 * (len(asked) - len(outside)) / len(asked):.0f}"
    rules = tuple(dict.fromkeys(rule for _, some in missing for rule in some))
    sources = tuple(source_of(*rule) for rule in rules[:MAX_RULES])
    zone = missing[0][0].zone.name
    dropped = sum(one.dropped > 0 for one in outside.values())
    seen = f", {dropped} were seen dropped" if dropped else ""
    yield Hit(
        f"the allow-list covers {share} % of the {len(asked)} addresses that {requirement.pattern} had in"
        f" {span(observed)}, {len(outside)} are stopped {from_zone(zone)}{seen}",
        ("domain", requirement.pattern),
        sources,
        ADVICE,
        tool=tool_of(sources[0], case.owners),
        zone=zone,
        pack=requirement.pack,
        families=frozenset(proof.family for proof, _ in missing),
        ports=frozenset(proof.port.text for proof, _ in missing),
        seen=_sights(outside.values()),
        source="observed",
    )


def _sights(outside: Iterable[Address]) -> tuple[Sight, ...]:
    """The addresses, those that were dropped most often first."""
    return tuple(
        Sight(
            one.last,
            (
                ("address", one.address),
                ("first", moment(one.first)),
                ("last", moment(one.last)),
                ("count", one.count),
                ("dropped", one.dropped),
                ("passed", one.passed),
            ),
        )
        for one in sorted(outside, key=lambda one: (-one.dropped, -one.count, one.address))
    )


def _value(one: Address) -> int:
    return int(ipaddress.ip_address(one.address))


RULE = Rule("web-allow-list-incomplete", "An allow-list leaves out addresses in use", Severity.HIGH, find)
