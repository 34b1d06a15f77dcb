"""What a proxy does with all requests for a required domain: every name, client, server address and method."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Final

from agent.judge.namespace import parts
from agent.judge.opinion import MAX_SOURCES, Opinion
from agent.judge.wording import SAMPLED, listed, some_prefixes
from agent.model.course import Ask, walk
from agent.model.explanation import Hop
from agent.model.intervals import Intervals
from agent.model.proxy import PORT, Act, Clients, Methods, Names, Targets, Urls, leaves
from agent.model.public import PUBLIC
from agent.model.record import record
from agent.model.resolver import AnyOf, NameSet
from agent.model.vocabulary import Reach, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.judge.namespace import Part
    from agent.model.course import Decision
    from agent.model.proxy import Door, Form, Proxy, ProxyStage, Test
    from agent.model.regular import Pattern
    from agent.model.requirement import PortNeed, Requirement
    from agent.model.source import Source

MAX_GROUPS: Final = 64
"""Groups of clients, or of server addresses, that rules tell apart."""
MAX_ASKS: Final = 100_000
"""Requests that are followed through one proxy for one requirement."""
MAX_TAILS: Final = 200
"""What a pattern may know of the path of a URL before it comes to the name."""
MAX_SHOWN: Final = 60
"""Characters of a pattern in a sentence."""
PAGES: Final = ("GET", "POST")
"""The methods that the services' pages use."""
_REFUSED: Final = {Act.DENY: "denied", Act.DROP: "closed without an answer"}


@record
class Requests:
    """The requests for a requirement that come by one road."""

    requirement: Requirement
    port: PortNeed
    family: int
    """Of the servers' addresses."""
    form: Form
    clients: tuple[tuple[int, Intervals], ...]
    """Family and addresses of those who ask."""
    known: tuple[tuple[str, bool], ...] = ()
    """How open tests turn out, by their keys."""


@record
class Filtered:
    """The opinion of a proxy, and where it sends what it lets pass."""

    opinion: Opinion
    upstreams: frozenset[str]
    """``host:port``; empty text for the named server itself."""


@record
class _Case:
    """Requests that are treated alike, and every way that they may go."""

    part: Part
    clients: tuple[int, Intervals]
    targets: Intervals
    method: str
    ways: tuple[Decision, ...]

    @property
    def acts(self) -> set[Act]:
        return {way.ruling.act for way in self.ways}


def filtered(proxy: Proxy, door: Door, asked: Requests) -> Filtered:
    """Follow all requests of one road through a proxy."""
    stages = door.course(asked.form)
    if stages is None:
        because = f"{proxy.kind} serves no such requests: {door.source or proxy.source}"
        sources = tuple(source for source in (door.source or proxy.source,) if source)
        return Filtered(
            Opinion(proxy.kind, Reach.BLOCKED, because, sources, (Stage.PROXY,), by=proxy.kind), frozenset()
        )
    try:
        cases = tuple(_cases(stages, asked))
    except ValueError as error:
        return Filtered(Opinion(proxy.kind, Reach.UNKNOWN, f"{proxy.kind}: {error}", by=proxy.kind), frozenset({""}))
    upstreams = {way.upstream for case in cases for way in case.ways if way.ruling.act is Act.ALLOW}
    return Filtered(_opinion(proxy, cases, asked.family), frozenset(upstreams))


def _cases(stages: Sequence[ProxyStage], asked: Requests) -> Iterator[_Case]:
    """All requests, in groups that no test tells apart; raises ValueError where they are too many."""
    tests = [test for stage in stages for rule in stage.rules for test in leaves(rule.test)]
    sets = dict.fromkeys(one for test in tests for one in _sets(test, asked.port.port))
    names = parts(asked.requirement, sets)
    clients = [
        (family, group)
        for family, addresses in asked.clients
        for group in _groups(addresses, [dict(test.addresses) for test in tests if isinstance(test, Clients)], family)
    ]
    targets = _groups(
        PUBLIC[asked.family], [dict(test.addresses) for test in tests if isinstance(test, Targets)], asked.family
    )
    methods = PAGES if any(isinstance(test, Methods) for test in tests) else PAGES[:1]
    if len(names) * len(clients) * len(targets) * len(methods) > MAX_ASKS:
        raise ValueError(f"more than {MAX_ASKS} kinds of requests to follow")
    known: Mapping[str, bool] = dict(asked.known)
    for part, (family, group), target, method in product(names, clients, targets, methods):
        client, server = (family, group.starts[0]), (asked.family, target.starts[0])
        ask = Ask(asked.form, part.sample, asked.port.port, method, client, server)
        yield _Case(part, (family, group), target, method, walk(stages, ask, known))


def _sets(test: Test, port: int) -> Iterator[NameSet | AnyOf]:
    """What tells names apart: which pattern of one test matches does not matter."""
    if isinstance(test, Names):
        yield from (one for one in test.sets if isinstance(one, NameSet))
        if patterns := tuple(one for one in test.sets if not isinstance(one, NameSet)):
            yield AnyOf(patterns)
    elif isinstance(test, Urls):
        from agent.model.regular.pattern import Pattern as Regular  # noqa: PLC0415 - few proxies look at URLs

        after = test.after.replace(PORT, str(port))
        patterns = tuple(
            replace(one, before=test.before, after=after) for one in test.patterns if isinstance(one, Regular)
        )
        if not test.path and patterns:
            yield AnyOf(patterns)
        for one in patterns if test.path else ():
            yield from _whatever_follows(one)


def _whatever_follows(one: Pattern) -> Iterator[AnyOf]:
    """The names with which a pattern may fit a URL, whatever its path, and those with which it may not fit it.

    Raises ValueError where it is too large.
    """
    tails = one.tails(MAX_TAILS)
    if tails is None:
        raise ValueError(f"the pattern {one.text[:MAX_SHOWN]} is too large")
    yield AnyOf(tuple(replace(one, behind=state) for state in tails))
    yield AnyOf(tuple(replace(one, behind=state, inverted=not one.inverted) for state in tails))


def _groups(addresses: Intervals, tests: Sequence[Mapping[int, Intervals]], family: int) -> list[Intervals]:
    """Addresses that no test tells apart together; raises ValueError where there are too many groups."""
    groups = [addresses]
    for test in tests:
        members = test.get(family, Intervals())
        groups = [some for group in groups for some in (group & members, group - members) if some]
        if len(groups) > MAX_GROUPS:
            raise ValueError(f"more than {MAX_GROUPS} groups of addresses are told apart")
    return groups


def _opinion(proxy: Proxy, cases: Sequence[_Case], family: int) -> Opinion:
    stopped = [case for case in cases if not case.acts & {Act.ALLOW, Act.OPEN}]
    unsure = [case for case in cases if case.acts & {Act.ALLOW, Act.OPEN} and case.acts != {Act.ALLOW}]
    sampled = any(case.part.sampled for case in cases)
    decrypted = dict.fromkeys(way.decrypted_by for case in cases for way in case.ways if way.decrypted_by)
    first = (stopped or unsure or cases)[0]
    way = next((way for way in first.ways if way.ruling.act is not Act.ALLOW), first.ways[0])
    alike = [case for case in (stopped or unsure) if any(one.source == way.source for one in case.ways)]
    verdict = Reach.ALLOWED
    because = f"{proxy.kind} lets it pass" + (f": {way.source}" if way.source else "")
    if stopped:
        verdict = Reach.BLOCKED if len(stopped) == len(cases) and not sampled else Reach.PARTIAL
        because = f"{_which(alike, cases, family)} {_REFUSED[way.ruling.act]} by {_who(proxy, way)}"
    elif unsure:
        verdict = Reach.UNKNOWN
        reasons = dict.fromkeys(
            reason for one in first.ways for reason in (one.ruling.because, *(some.because for some in one.open_by))
        )
        because = f"{_who(proxy, way)}: " + "; ".join(reason for reason in reasons if reason)
    elif sampled:
        verdict, because = Reach.UNKNOWN, f"{proxy.kind}: {SAMPLED}"
    sources = dict.fromkeys(way.source for case in stopped or unsure or cases for way in case.ways if way.source)
    return Opinion(
        proxy.kind,
        verdict,
        because,
        tuple(sources)[:MAX_SOURCES],
        (Stage.PROXY,) if stopped else (),
        by=proxy.kind,
        hops=_hops(proxy, verdict, because, way),
        decrypted_by=tuple(decrypted),
    )


def _hops(proxy: Proxy, verdict: Reach, because: str, way: Decision) -> tuple[Hop, ...]:
    """One hop for each stage that was asked; the last of them decided."""
    found = [
        Hop(f"{proxy.kind} {title}", Reach.ALLOWED.value, "passes on", (source,) if source else ())
        for title, source in way.trail[:-1]
    ]
    title, source = way.trail[-1] if way.trail else ("", None)
    return (*found, Hop(f"{proxy.kind} {title}".strip(), verdict.value, because, (source,) if source else ()))


def _who(proxy: Proxy, way: Decision) -> str:
    title = way.trail[-1][0] if way.trail else ""
    source: Source | None = way.source or proxy.source
    return f"{proxy.kind} {title}".strip() + (f": {source}" if source else "")


def _which(alike: Sequence[_Case], cases: Sequence[_Case], family: int) -> str:
    """``every name is``, ``cdn.x.com and all below it are``, with clients, addresses or methods where these differ."""

    def differs(what: int) -> bool:
        mine = {_key(case)[what] for case in alike}
        return mine != {_key(case)[what] for case in cases}

    names = list(dict.fromkeys(case.part.text for case in alike))
    text = listed(names) if differs(0) else "every name"
    if differs(1):
        some = {case.clients for case in alike}
        text += " for clients " + ", ".join(
            some_prefixes(Intervals.union(group for kin, group in some if kin == one), one)
            for one in sorted({kin for kin, _ in some})
        )
    if differs(2):
        text += " at " + some_prefixes(Intervals.union({case.targets for case in alike}), family)
    if differs(3):
        text += f" by {', '.join(sorted({case.method for case in alike}))}"
    return f"{text} {'is' if text.startswith('every') or len(names) == 1 else 'are'}"


def _key(case: _Case) -> tuple[object, ...]:
    return case.part, case.clients, case.targets, case.method
