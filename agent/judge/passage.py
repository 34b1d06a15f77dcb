"""What the packet filter and routing say about one zone, port and family."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from agent.judge.opinion import MAX_SOURCES, Opinion
from agent.judge.wording import share, some_prefixes, stopped_by
from agent.model.firewall import source_of
from agent.model.intervals import Intervals
from agent.model.record import record
from agent.model.vocabulary import Reach, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.judge.crossing import Elsewhere
    from agent.judge.decided import Decided, Ranking
    from agent.judge.proof import Proof
    from agent.model.gateway import Gateway
    from agent.model.source import Source

FILTER = "packet filter"


@record
class Passage:
    """The opinion of the packet filter, and where it leads packets instead of their destination."""

    opinion: Opinion
    diverted: tuple[Elsewhere, ...] = ()
    """Each place that some packets end at."""
    direct: bool = True
    """Whether some packets go to their own destination."""


def passage(proof: Proof, gateway: Gateway) -> Passage:
    """Sum up a proof."""
    diverted: dict[Elsewhere, None] = {}
    direct = False
    for part in proof.parts("accept"):
        place = part.elsewhere
        anywhere = place and place.here and not place.port and not gateway.network.known  # one of all roads there are
        if place is None or anywhere:
            direct = True
        else:
            diverted[place] = None
    return Passage(_opinion(proof, gateway), tuple(diverted), direct or not diverted)


def _opinion(proof: Proof, gateway: Gateway) -> Opinion:
    _passed, stopped, unknown = proof.sets()
    where = f"public IPv{proof.family}"
    if stopped:
        ranked = proof.ranked("drop", "reject")
        stoppers = ranked.widest
        parts = proof.parts("drop", "reject")
        stages = tuple(sorted({Stage.ROUTE if part.stage == "route" else Stage.FIREWALL for part in parts}))
        whole = proof.space.size()
        everything = all(one.reach.stopped == whole for one in proof.classes)
        if everything and proof.complete:
            because = f"all of {where} is {stopped_by(stoppers[0])}"
            return Opinion(FILTER, Reach.BLOCKED, because, _sources(stoppers), stages, 0.0, stoppers[0].answers)
        if any(one.reach.accept for one in proof.classes):
            first = stoppers[0]
            if proof.coverage < 0.5:  # an allow-list: what it lets through says more than what stops the rest
                return _allow_list(proof, stoppers, stages)
            what = f"{share(first.addresses, proof.space)} of {where}"
            if len(first.addresses.starts) <= 3:
                what += f" ({some_prefixes(first.addresses, proof.family)})"
            because = f"{what} is {stopped_by(first)}{_for_whom(proof, first)}{_and_more(ranked)}"
            return Opinion(FILTER, Reach.PARTIAL, because, _sources(stoppers), stages, proof.coverage, first.answers)
    if unknown:
        doubts = tuple(dict.fromkeys(doubt for part in proof.ranked("unknown").widest for doubt in part.doubts))
        because = "; ".join(map(str, doubts[:3])) or "which of several routes is taken cannot be known"
        sources = tuple(dict.fromkeys(doubt.source for doubt in doubts if doubt.source))[:MAX_SOURCES]
        return Opinion(FILTER, Reach.UNKNOWN, because, sources, coverage=proof.coverage)
    if proof.told_apart_by:
        sources = tuple(source_of(*decider) for decider in proof.told_apart_by)
        because = (
            f"open for some sources: rules treat more groups of clients differently than are tried, by {sources[0]}"
        )
        return Opinion(FILTER, Reach.UNKNOWN, because, sources, coverage=proof.coverage)
    if gateway.firewall.gaps:
        return Opinion(FILTER, Reach.UNKNOWN, "; ".join(str(gap) for gap in gateway.firewall.gaps[:3]))
    accepting = proof.ranked("accept").widest
    by = f", by {accepting[0].source}" if accepting and accepting[0].source else ""
    because = f"all of {where} is accepted{by}"
    return Opinion(FILTER, Reach.ALLOWED, because, _sources(accepting[:3]), coverage=1.0)


def _allow_list(proof: Proof, stoppers: Sequence[Decided], stages: tuple[Stage, ...]) -> Opinion:
    """Only some addresses pass: the rules that let them through, and what stops the rest."""
    ranked = proof.ranked("accept")
    passing = ranked.widest
    passed = min((one.reach for one in proof.classes), key=attrgetter("passing")).accept
    by = f" by {passing[0].source}" if passing and passing[0].source else ""
    more = f" and {ranked.count - 1} more rules" if ranked.count > 1 else ""
    few = share(passed, proof.space)
    because = (
        f"only {few} of public IPv{proof.family} {'pass' if few.endswith('addresses') else 'passes'},{by}{more}; "
        f"the rest is {stopped_by(stoppers[0])}{_for_whom(proof, stoppers[0])}"
    )
    sources = (*_sources(stoppers), *_sources(passing))[:MAX_SOURCES]
    return Opinion(FILTER, Reach.PARTIAL, because, sources, stages, proof.coverage)


def _sources(parts: Sequence[Decided]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(part.source for part in parts if part.source is not None))[:MAX_SOURCES]


def _and_more(ranked: Ranking) -> str:
    rest = ranked.count - 1
    return f"; {rest} more {'rule stops' if rest == 1 else 'rules stop'} others" if rest > 0 else ""


def _for_whom(proof: Proof, part: Decided) -> str:
    """For which clients a part is stopped, where not for all."""
    hit = [one for one in proof.classes if part.decider in one.reach.ranked("drop", "reject").deciders]
    if len(hit) == len(proof.classes):
        return ""
    clients = Intervals.of(pair for one in hit if one.clients for pair in one.clients.addresses)
    return f" for clients {some_prefixes(clients, proof.family)}" if clients else ""
