"""What the rules about required domains share: one hit for each domain and zone.

A zone has no trouble with a domain if, for every routed family, one road that its clients use is allowed on
every required port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.model.overall import best_roads
from agent.model.vocabulary import Reach
from agent.practice.remedy import remedy_for
from agent.practice.rule import Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.model.judgement import Judgement
    from agent.practice.rule import Case


def hits_for(case: Case, wanted: Reach, summarise: Callable[[Judgement], str]) -> Iterator[Hit]:
    """One hit for each domain and zone whose overall verdict is ``wanted``."""
    for requirement in case.requirements:
        for zone in case.gateway.zones:
            mine = [
                one
                for one in case.judgements
                if one.requirement == requirement and one.zone == zone.name and one.port.required
            ]
            best = best_roads(mine)
            if Reach.over(Reach.over(one.verdict for one in road) for road in best) is not wanted:
                continue
            failing = [one for road in best for one in road if one.verdict not in (Reach.ALLOWED, Reach.NOT_ROUTED)]
            worst = min(failing, key=lambda one: (_RANK[one.verdict], one.family, one.port.text))
            sources = tuple(dict.fromkeys(source for one in failing for source in one.decided_by))
            remedy = remedy_for(worst, sources, case.owners)
            yield Hit(
                summarise(worst),
                ("domain", requirement.pattern),
                sources,
                remedy.text,
                remedy.commands,
                remedy.tool,
                unknown=wanted is Reach.UNKNOWN,
                zone=zone.name,
                pack=requirement.pack,
                roads=frozenset(one.road for one in failing),
                families=frozenset(one.family for one in failing),
                ports=frozenset(one.port.text for one in failing),
                blocked_at=frozenset(stage for one in failing for stage in one.blocked_at),
                evidence=tuple(
                    (f"{one.port.text} IPv{one.family} {one.road}", f"{one.verdict}: {one.because}") for one in failing
                ),
            )


_RANK = {Reach.BLOCKED: 0, Reach.PARTIAL: 1, Reach.UNKNOWN: 2}
