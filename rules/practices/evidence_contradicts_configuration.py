"""What traffic shows contradicts what the configuration says.

Why it matters: one of the two is not what it seems. A device behind this gateway may stop what this one lets pass; a
rule may be loaded that the listing does not show, or packets may go another way round the rules.
Instead: find out which: look at the rule that is named, and at the road that these packets take.

Only the same zone, port, address family and road are compared, only what was seen since the verdict stands, and only
what is seen again and again: outcomes that may have another reason do not count.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from agent.model.names import apex_of
from agent.model.outcome import Fate, OutcomeStage
from agent.model.vocabulary import HOST, Reach, Severity, from_zone
from agent.practice import Case, Hit, Rule
from agent.practice.seen import blocked, passing, sights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.model.evidence import Fared
    from agent.model.judgement import Judgement
    from agent.model.requirement import Requirement

REACHED = frozenset({Fate.OK, Fate.TLS_WEAK})
"""Something that answers for the domain may be this gateway itself; here the server must have answered."""


def find(case: Case) -> Iterator[Hit]:
    """One hit for each domain, zone and way round."""
    if case.observed is None:
        return
    for requirement in case.requirements:
        outcomes = case.observed.of(requirement.pack, requirement.pattern).outcomes
        seen = [one for one in outcomes if one.stage is not OutcomeStage.DNS]
        for zone in sorted({one.zone for one in seen if one.zone is not None}):
            mine = [one for one in case.judgements if one.requirement == requirement and one.zone == zone]
            yield from _in_zone(case, requirement, zone, mine, [one for one in seen if one.zone == zone])


def _in_zone(
    case: Case, requirement: Requirement, zone: str, judgements: Sequence[Judgement], seen: Sequence[Fared]
) -> Iterator[Hit]:
    allowed: list[tuple[Judgement, list[Fared], str]] = []
    stopped: list[tuple[Judgement, list[Fared], str]] = []
    for some, outcomes in _same_road(judgements, seen):
        verdicts = {one.verdict for one in some}
        since = max(map(case.since, some))
        if verdicts == {Reach.ALLOWED} and (found := blocked(outcomes, since)):
            what = f"{found.blocked} of {found.total} connections ended in {found.fates}"
            allowed.append((some[0], list(found.fared), what))
        elif verdicts == {Reach.BLOCKED}:
            reached = [one for one in outcomes if one.blocked or one.fate in REACHED]
            if number := passing(reached, since):
                stopped.append((some[0], [one for one in reached if one.passed], f"{number} connections reached it"))
    if allowed:
        yield _hit(requirement, zone, "allowed", allowed)
    if stopped:
        yield _hit(requirement, zone, "blocked", stopped)


def _same_road(judgements: Sequence[Judgement], seen: Sequence[Fared]) -> Iterator[tuple[list[Judgement], list[Fared]]]:
    """Verdicts with the outcomes that are about the same.

    Packets that NAT leads to a proxy look direct to their client. A proxy is asked for every port and family in the
    same way, so that its verdicts count only where they agree.
    """
    judged: dict[tuple[str, str, int], list[Judgement]] = defaultdict(list)
    for one in judgements:
        if one.road.startswith("proxy:"):
            judged[one.road, "", 0].append(one)
        else:
            judged["direct", one.port.text, one.family].append(one)
    for (road, port, family), some in judged.items():
        about = [one for one in seen if one.road == road and (not port or (one.port, one.family) == (port, family))]
        if about and any(one.port.required for one in some):
            yield some, about


def _hit(
    requirement: Requirement,
    zone: str,
    verdict: str,
    found: Sequence[tuple[Judgement, list[Fared], str]],
) -> Hit:
    first, _, what = found[0]
    sources = tuple(dict.fromkeys(source for one, _, _ in found for source in one.decided_by))
    said = f"{first.port.text} to {requirement.pattern}" if first.road == "direct" else f"{requirement.pattern}"
    rule = f" by {sources[0]}" if sources and verdict == "blocked" else ""
    who = "" if zone == HOST else f" --from {zone}"
    explain = f"`gateproof explain {apex_of(requirement.pattern)}{who}`"
    advice = (
        f"Look behind this gateway for what stops it; {explain} shows why it should pass here."
        if verdict == "allowed"
        else f"Look whether packets go round that rule, or it is no longer loaded; {explain} shows the road."
    )
    return Hit(
        f"{said} {from_zone(zone)} should be {verdict}{rule}, but {what}",
        ("domain", requirement.pattern),
        sources,
        advice,
        zone=zone,
        pack=requirement.pack,
        key=verdict,
        roads=frozenset(one.road for one, _, _ in found),
        families=frozenset(one.family for one, _, _ in found if one.road == "direct"),
        ports=frozenset(one.port.text for one, _, _ in found if one.road == "direct"),
        evidence=tuple(
            (f"{one.port.text} IPv{one.family} {one.road}", f"{one.verdict}: {one.because}") for one, _, _ in found
        ),
        seen=sights([one for _, fared, _ in found for one in fared]),
        source="observed",
    )


RULE = Rule("evidence-contradicts-configuration", "Traffic contradicts the configuration", Severity.MEDIUM, find)
