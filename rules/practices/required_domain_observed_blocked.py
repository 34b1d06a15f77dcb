"""Traffic shows that a required domain is blocked, whatever the configuration says.

Why it matters: something on the road stops it: this gateway, a program on it, or a device behind it that no
configuration here knows of. Users see a service that does not answer.
Instead: find who does it, by the stage at which it stops, and make an exception there.

It takes three likely outcomes or a sure one in a day, a fifth of all that had an end, for each port, address family and
road by itself; questions of DNS are counted together. What may be a lost packet, a dead server or a client that went
away does not count. The finding is resolved when connections pass again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.names import apex_of
from agent.model.outcome import Fate, OutcomeStage
from agent.model.vocabulary import HOST, Reach, Severity, Stage, from_zone
from agent.practice import Case, Hit, Rule
from agent.practice.seen import STAGES, blocked, sights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.model.evidence import Fared
    from agent.model.judgement import Judgement
    from agent.model.requirement import Requirement
    from agent.practice.seen import Blocked

DNS = ("", 0, "")


def find(case: Case) -> Iterator[Hit]:
    """One hit for each domain and zone."""
    if case.observed is None:
        return
    for requirement in case.requirements:
        outcomes = case.observed.of(requirement.pack, requirement.pattern).outcomes
        for zone in sorted({one.zone for one in outcomes}, key=lambda name: name or ""):
            sorts = _sorts(case, requirement, zone, outcomes)
            found = {key: one for key, some in sorts.items() if (one := blocked(some)) is not None}
            if found:
                yield _hit(case, requirement, zone, found)


def _sorts(
    case: Case, requirement: Requirement, zone: str | None, outcomes: Iterable[Fared]
) -> dict[tuple[str, int, str], list[Fared]]:
    """Outcomes by port, family and road, those that are required; DNS by itself."""
    ports = {port.text for port in requirement.ports if port.required}
    away = {
        one.family
        for one in case.judgements
        if (one.requirement, one.zone, one.verdict) == (requirement, zone, Reach.NOT_ROUTED)
    }
    found: dict[tuple[str, int, str], list[Fared]] = {}
    for one in outcomes:
        if one.zone != zone:
            continue
        if one.stage is OutcomeStage.DNS:
            found.setdefault(DNS, []).append(one)
        elif one.road != "direct" or (one.port in ports and one.family not in away):
            found.setdefault((one.port, one.family, one.road), []).append(one)
    return found


def _hit(case: Case, requirement: Requirement, zone: str | None, found: dict[tuple[str, int, str], Blocked]) -> Hit:
    key, worst = max(found.items(), key=lambda pair: (pair[1].blocked / pair[1].total, pair[1].blocked, pair[0]))
    fared = [one for some in found.values() for one in some.fared]
    place = from_zone(zone) if zone else "in the traffic"
    pattern = requirement.pattern
    kind = "questions of DNS" if key == DNS else f"connections to {key[0]}, IPv{key[1]},"
    agreeing = [
        one for one in case.judgements if (one.requirement, one.zone) == (requirement, zone) and _agrees(one, found)
    ]
    sources = tuple(dict.fromkeys(source for one in agreeing for source in one.decided_by))
    return Hit(
        f"{pattern} is seen blocked {place}: {worst.blocked} of {worst.total} {kind} ended in {worst.fates}",
        ("domain", pattern),
        sources,
        _remedy(requirement, zone, key, agrees=bool(agreeing)),
        zone=zone,
        pack=requirement.pack,
        roads=frozenset(road for _, _, road in found if road),
        families=frozenset(family for _, family, _ in found if family),
        ports=frozenset(port for port, _, road in found if road == "direct"),
        blocked_at=frozenset(map(_stage, fared)),
        seen=sights(fared),
        source="observed",
    )


def _agrees(one: Judgement, found: Iterable[tuple[str, int, str]]) -> bool:
    """Whether a verdict says the same as what was found."""
    if one.verdict not in {Reach.BLOCKED, Reach.PARTIAL}:
        return False
    road = "direct" if not one.road.startswith("proxy:") else one.road
    return any(
        Stage.DNS in one.blocked_at
        if key == DNS
        else road == key[2] and (road != "direct" or key[:2] == (one.port.text, one.family))
        for key in found
    )


def _stage(one: Fared) -> Stage:
    return Stage.PROXY if one.fate is Fate.HTTP_PROXY_DENIED or one.road != "direct" else STAGES[one.stage]


def _remedy(requirement: Requirement, zone: str | None, key: tuple[str, int, str], *, agrees: bool) -> str:
    if agrees:
        return "The configuration of this host says the same: mend what required-domain-blocked or its like names."
    who = {None: "", HOST: ""}.get(zone, f" --from {zone}")
    explain = f"`gateproof explain {apex_of(requirement.pattern)}{who}` tells what decides here"
    if key == DNS:
        return f"Look at the resolver that these clients ask; {explain}."
    if key[2] != "direct":
        return f"Look at the rules of the proxy at {key[2].removeprefix('proxy:')}; {explain}."
    return f"{explain}; where that lets it pass, a device behind this gateway stops it."


RULE = Rule("required-domain-observed-blocked", "Traffic shows a required domain blocked", Severity.HIGH, find)
