"""The exact sets of destinations that a way in accepts, drops, rejects, or leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agent.judge.alike import Likeness
from agent.judge.blocks import End
from agent.judge.cuts import Axis
from agent.judge.decided import Decided, Ranking, rank
from agent.judge.packet import ABSENT, SWEPT, TCP, UNKNOWN, WITH_PORTS, packet
from agent.judge.path import HERE, Path
from agent.judge.routing import Routing
from agent.judge.scalar import ScalarRunner, transparent_sockets
from agent.judge.sources import Sources
from agent.judge.sweep import SweepRunner
from agent.model.expression import Field
from agent.model.intervals import Intervals, name_value, prefixes
from agent.model.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.judge.crossing import Outcome
    from agent.judge.packet import Packet
    from agent.model.gateway import Gateway

SYN = 2
EPHEMERAL = 40000  # a client's port; rules about client ports are read literally
ANY = "any"


@record
class Question:
    """One way in: interface (None: this host itself; ``any``), source, protocol, port, family.

    ``src`` is None where it is not known. ``out_iface`` overrides routing (``any``: not known).
    """

    family: int
    proto: int
    dport: int
    in_iface: str | None
    src: int | None = None
    out_iface: str | None = None


@dataclass(frozen=True, eq=False)
class Reach:
    """A partition of the destination space: the four sets are disjoint and cover it."""

    family: int
    accept: Intervals
    drop: Intervals
    reject: Intervals
    unknown: Intervals
    parts: tuple[Decided, ...]
    """Who decided; rules of one chain that decide alike are one part."""

    @cached_property
    def decided(self) -> tuple[Decided, ...]:
        """The same with a part for each rule, in order of their first addresses."""
        return tuple(_merged([one for part in self.parts for one in part.by_rule()]))

    @cached_property
    def passing(self) -> int:
        """How many addresses are accepted."""
        return self.accept.size()

    @cached_property
    def stopped(self) -> int:
        """How many addresses are dropped or rejected."""
        return self.drop.size() + self.reject.size()

    def ranked(self, *verdicts: str) -> Ranking:
        """The parts with these verdicts, the widest first."""
        known = self._rankings.get(verdicts)
        if known is None:
            known = self._rankings[verdicts] = rank(part for part in self.parts if part.verdict in verdicts)
        return known

    @cached_property
    def _rankings(self) -> dict[tuple[str, ...], Ranking]:
        return {}

    def to_json(self) -> dict[str, Any]:
        """The answer as ``gateproof reach`` prints it."""

        def texts(addresses: Intervals) -> list[str]:
            return list(prefixes(addresses, self.family))

        return {
            "family": self.family,
            "accept": texts(self.accept),
            "drop": texts(self.drop),
            "reject": texts(self.reject),
            "unknown": texts(self.unknown),
            "decided": [_part(part, texts(part.addresses)) for part in self.decided],
        }


def _part(part: Decided, texts: list[str]) -> dict[str, Any]:
    source = part.source
    return {
        "prefixes": texts,
        "verdict": part.verdict,
        "rule": source.text if source else part.note or None,
        "table": source.table if source else None,
        "chain": source.chain if source else None,
        "handle": source.handle if source else None,
        "line": source.line if source else None,
        "why": [str(doubt) for doubt in part.doubts],
    }


class Prover:
    """Answers questions about all destinations of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.routing = Routing(gateway.network)
        scalar = ScalarRunner(self.routing, transparent_sockets(gateway))
        self.evaluator = scalar.evaluator
        self._ledger = scalar.interpreter.ledger
        self._likeness = Likeness(gateway.firewall, self.routing)
        self._known: dict[tuple[object, ...], Reach] = {}
        self._firewall = gateway.firewall
        self._sources: dict[int, Sources] = {}
        self._path = Path(gateway, self.routing, SweepRunner(self.routing, scalar))

    def sources(self, family: int) -> Sources:
        """What the rules ask about the sources of one family."""
        known = self._sources.get(family)
        if known is None:
            axis = Axis(Field.SADDR, family, self.routing.bounds(family))
            known = self._sources[family] = Sources(self._firewall, axis)
        return known

    def reach(self, question: Question, within: Intervals | None = None) -> Reach:
        """Partition the destination space (or the part ``within``) of one question."""
        space = _space(question, within)
        return _partition(question.family, space, self._path.walk(_start(question), space, question.out_iface))

    def connect(self, question: Question, within: Intervals | None = None) -> Reach:
        """Partition as ``reach`` does, but accept only where the answers come back as well."""
        space, start = _space(question, within), _start(question)
        key = (self._likeness.signature(start), question.out_iface, space)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._connect(question, start, space)
        return known

    def _connect(self, question: Question, start: Packet, space: Intervals) -> Reach:
        outcomes = self._path.walk(start, space, question.out_iface)
        there = _partition(question.family, space, outcomes)
        back = self._path.replies(start, outcomes, self._ledger, self._way_back(question))
        asked = Intervals.union(one.addresses for one in back)
        return _both(there, _partition(question.family, asked, back)) if asked else there

    def _way_back(self, question: Question) -> str | None:
        if question.in_iface is None:
            return HERE
        return None if self.routing.network.known else question.in_iface


def _both(there: Reach, back: Reach) -> Reach:
    """What passes both ways; ``back`` is about addresses that some packets reach."""
    if not (back.drop or back.reject or back.unknown):
        return there
    accept = there.accept - back.drop - back.reject - back.unknown
    decided = [
        one if one.verdict != "accept" else replace(one, addresses=one.addresses & accept) for one in there.parts
    ]
    decided += [
        replace(one, addresses=one.addresses & there.accept, answers=True)
        for one in back.parts
        if one.verdict != "accept"
    ]
    return Reach(
        there.family,
        accept,
        there.drop | back.drop & there.accept,
        there.reject | back.reject & there.accept,
        there.unknown | back.unknown & there.accept,
        tuple(_merged([one for one in decided if one.addresses])),
    )


def _space(question: Question, within: Intervals | None) -> Intervals:
    return Intervals.span(0, (1 << (32 if question.family == 4 else 128)) - 1) if within is None else within


def _start(question: Question) -> Packet:
    """The first packet of the connection that is asked about."""
    ports = question.proto in WITH_PORTS
    return packet(
        question.family,
        question.proto,
        UNKNOWN if question.src is None else question.src,
        SWEPT,
        iifname=_interface(question.in_iface),
        sport=EPHEMERAL if ports else ABSENT,
        dport=question.dport if ports else ABSENT,
        tcp_flags=SYN if question.proto == TCP else ABSENT,
    )


def _interface(name: str | None) -> int:
    if name is None:
        return 0
    return UNKNOWN if name == ANY else name_value(name)


def _partition(family: int, space: Intervals, outcomes: list[Outcome]) -> Reach:
    sets = {end: Intervals.union(one.addresses for one in outcomes if one.end is end) for end in End}
    several = Intervals()
    if not Intervals.are_disjoint(list(sets.values())):
        accept, drop, reject = sets[End.ACCEPT], sets[End.DROP], sets[End.REJECT]
        several = (accept & drop) | (accept & reject) | (drop & reject)
    settled = space - several
    certain = {end: addresses & settled if several else addresses for end, addresses in sets.items()}
    parts: list[Decided] = []
    for outcome in outcomes:
        addresses = outcome.addresses & settled if several else outcome.addresses
        if addresses:
            parts.append(_decided(outcome, outcome.end.value, addresses))
    for outcome in outcomes if several else ():
        addresses = outcome.addresses & several
        if addresses and outcome.load.doubts:
            parts.append(_decided(outcome, "unknown", addresses))
    covered = sum(addresses.size() for addresses in certain.values()) + several.size()
    if covered != space.size():  # every load ends somewhere: this cannot happen, and must never look like a verdict
        lost = space - Intervals.union(sets.values())
        raise AssertionError(f"destinations without an outcome: {[*prefixes(lost, family)][:3]}")
    return Reach(
        family,
        certain[End.ACCEPT],
        certain[End.DROP],
        certain[End.REJECT],
        several,
        tuple(_merged(parts)),
    )


def _decided(outcome: Outcome, verdict: str, addresses: Intervals) -> Decided:
    decider = outcome.load.decider if outcome.stage == "firewall" else None
    doubts = outcome.load.doubts if verdict == "unknown" else ()
    return Decided(verdict, addresses, decider, outcome.stage, outcome.note, outcome.elsewhere, doubts)


def _merged(parts: list[Decided]) -> Iterable[Decided]:
    """Parts with equal verdict, rule and reason together, in order of their first address."""
    alike: dict[tuple[object, ...], list[Decided]] = {}
    for part in parts:
        key = (part.verdict, part.decider, part.stage, part.note, part.elsewhere, part.doubts, part.answers)
        alike.setdefault(key, []).append(part)
    found = [
        some[0] if len(some) == 1 else replace(some[0], addresses=Intervals.union(one.addresses for one in some))
        for some in alike.values()
    ]
    return sorted(found, key=lambda part: (part.addresses.starts[0], part.verdict, _standing(part)))


def _standing(part: Decided) -> tuple[str | int, ...]:
    """Where a part's rule stands, for an order that does not change."""
    if not isinstance(part.decider, tuple):
        return ("", "", 0, 0)
    table, chain, rule = part.decider
    return (table.title, chain.name, rule.handle or 0, rule.line or 0) if rule else (table.title, chain.name, 0, 0)
