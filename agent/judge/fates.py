"""What becomes of some names at a resolver: its own answer, that of others behind it, and what it does to these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agent.judge.asked import asked_at
from agent.judge.wording import some_prefixes
from agent.model.intervals import address_text
from agent.model.names import covers
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.resolver import AddressList, Fate, Outcome, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.judge.namespace import Part
    from agent.model.gateway import Gateway
    from agent.model.requirement import Requirement
    from agent.model.resolver import Resolver, Way
    from agent.model.source import Source

MAX_HOPS: Final = 8
"""Resolvers of this host that pass a question on to each other."""
PASSED_ON: Final = Outcome(Fate.PASSED_ON)


@record
class NameFate:
    """What becomes of some names."""

    names: str
    stopped: str | None = None
    """What a client gets instead of the service's addresses; None where all is well."""
    source: Source | None = None
    nodata: bool = False
    unknown: bool = False
    partly: bool = False
    """Only for some answers."""
    sampled: bool = False
    """Some of these names may fare otherwise."""


def fate(  # noqa: PLR0913, PLR0917 - a question, whom, and where
    gateway: Gateway, resolver: Resolver, view: View, requirement: Requirement, part: Part, family: int
) -> NameFate:
    """Follow one part of a requirement's names through a resolver, and those of this host behind it."""
    for _ in range(MAX_HOPS):
        way = view.way(part.sample, family)
        outcome = way.outcome
        source = way.rule.source if way.rule else resolver.source
        if outcome.fate is Fate.UNKNOWN:
            because = outcome.because or "the resolver's configuration is not known"
            return NameFate(part.text, because, source, unknown=True)
        if outcome.fate is not Fate.PASSED_ON:
            return NameFate(part.text, _stopped(outcome), source, outcome.fate is Fate.NODATA, sampled=part.sampled)
        found = None if outcome.settled else _on_the_way_back(view, way, requirement, part, family)
        if found is not None:
            return found
        behind = _behind(gateway, outcome)
        if behind is None or behind is view:
            return NameFate(part.text, None, source, sampled=part.sampled)
        view = behind
    return NameFate(part.text, "resolvers pass questions round in a circle", resolver.source, unknown=True)


def _on_the_way_back(view: View, way: Way, requirement: Requirement, part: Part, family: int) -> NameFate | None:
    """What a resolver does to answers of others: to the aliases in them, and to their addresses."""
    stages = view.chain_let_through if way.let_through else view.by_alias(way.rule)
    filters = (View(stages, PASSED_ON), View(view.failing, PASSED_ON))
    for target in _aliases(requirement, part.sample):
        for some in filters:
            outcome, decider = some.answer(target, family)
            stopped = _stopped(outcome)
            if stopped or outcome.fate is Fate.UNKNOWN:
                fresh = " that is not in its cache" if view.chain_uncached else ""
                because = f"{stopped or outcome.because}, as an alias of {target}{fresh}"
                source = decider.source if decider else None
                unknown = outcome.fate is Fate.UNKNOWN
                return NameFate(part.text, because, source, unknown=unknown, partly=view.chain_uncached)
    failing = (stage for stage in view.failing if isinstance(stage, AddressList))
    rules = (*way.met, *(rule for stage in failing for rule in stage.met_by(part.sample, family)))
    left = PUBLIC[family]
    for one in rules:
        hit = left & one.addresses if one.family == family else None
        if not hit:
            continue
        stopped = _stopped(one.outcome)
        if stopped or one.outcome.fate is Fate.UNKNOWN:
            what = stopped or one.outcome.because
            because = f"{what} where the answer has an address in {some_prefixes(hit, family)}"
            unknown = one.outcome.fate is Fate.UNKNOWN
            return NameFate(part.text, because, one.source, unknown=unknown, partly=hit != PUBLIC[family])
        left -= one.addresses
    return None


def _aliases(requirement: Requirement, name: str) -> Iterator[str]:
    """The names that a name is known to lead to, in their order."""
    for alias, targets in requirement.aliases:
        if covers(alias, name):
            yield from targets


def _behind(gateway: Gateway, outcome: Outcome) -> View | None:
    """What a resolver of this host answers to this host, where a question is passed on to no other."""
    if len(outcome.upstreams) != 1:
        return None
    found = [view for _, views in asked_at(gateway, tuple(outcome.upstreams)) for view in views]
    return found[0] if found else None


def _stopped(outcome: Outcome) -> str | None:
    """What a client gets instead of the service's addresses; None where it gets these."""
    match outcome.fate:
        case Fate.ADDRESSES:
            wrong = sorted((family, value) for family, value in outcome.addresses if value not in PUBLIC[family])
            return f"answered with {address_text(wrong[0][1], wrong[0][0])}" if wrong else None
        case Fate.ALIAS:
            return f"answered with the addresses of {outcome.target}"
        case Fate.NXDOMAIN:
            return "said not to exist"
        case Fate.NODATA:
            return "said to have no address"
        case Fate.REFUSED:
            return "refused"
        case Fate.DROPPED:
            return "not answered"
        case Fate.FAILED:
            return "answered with a failure"
        case _:
            return None
