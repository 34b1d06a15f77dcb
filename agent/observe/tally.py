"""What observations and outcomes say about required domains, added up over hours and days.

It sees everything in clear and keeps no client: their addresses are only counted, by keyed hashes that end with it.
"""

from __future__ import annotations

import ipaddress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from agent.model.evidence import LIKELY, SLOT, SURE, Address, Domain, Fared, Observed, Slot, Webhook, is_recent
from agent.model.observation import ClientHello, Dns, HttpRequest, HttpResponse, QuicHello, TlsLog
from agent.model.outcome import PASSED, Clue, Fate, OutcomeStage
from agent.model.public import PUBLIC
from agent.observe.merge import ADDRESSES, ALL_ADDRESSES, ALL_OUTCOMES, OUTCOMES, PORTS, WEEK, share, sort
from agent.observe.privacy import Names
from agent.observe.recent import Recent
from agent.observe.required import required
from agent.observe.tally_companions import Companions
from agent.observe.tally_visible import Visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.observation import Observation
    from agent.model.outcome import Outcome
    from agent.model.requirement import Requirement

DROPPED: Final = frozenset({
    Fate.TCP_UNANSWERED, Fate.TCP_REFUSED, Fate.TCP_RESET_AFTER_SYN, Fate.TCP_RESET_AFTER_HELLO, Fate.RESET_INJECTED,
    Fate.ICMP_PROHIBITED,
})  # fmt: skip
MADE_UP: Final = frozenset({4, 15, 16, 17, 18})
"""Extended errors (RFC 8914) of answers that are a filter's, not the domain's."""
CLIENTS: Final = 64
"""That are told apart, of one sort of outcomes."""
ROADS: Final = 16
"""Proxies that are told apart, of one domain."""
CLUES: Final = 8
CLUE: Final = 200
"""Characters of one."""
CALLS: Final = 1024
"""Webhook requests that wait for their answer."""
STATUSES: Final = 32
"""Of one sort of webhooks."""
LAST: Final = 253_402_300_799.0
"""The end of the year 9999; times behind it are not."""
KNOWN: Final = 4096
"""Addresses of which is remembered whether they are public."""


class _Place:
    """An address of a domain."""

    __slots__ = ("answered", "count", "dropped", "first", "last", "passed", "ports", "unknown")

    def __init__(self, at: float) -> None:
        self.first = self.last = at
        self.count = self.passed = self.dropped = self.unknown = 0
        self.answered = False
        self.ports: set[str] = set()


class _End:
    """One sort of outcomes."""

    __slots__ = ("clients", "confidence", "count", "example", "first", "last", "slots")

    def __init__(self, at: float) -> None:
        self.first = self.last = at
        self.count = 0
        self.confidence = -1.0
        self.clients: set[bytes] = set()
        self.example: tuple[Clue, ...] = ()
        self.slots: dict[int, list[int]] = {}


class _Calls:
    """Webhooks of one User-Agent."""

    __slots__ = ("count", "first", "last", "statuses")

    def __init__(self, at: float) -> None:
        self.first = self.last = at
        self.count = 0
        self.statuses: dict[int, int] = {}


Ends = tuple[str, int | None, str, int | None]
Sort = tuple[str | None, OutcomeStage, Fate, str, int, str]


class Tally:
    """Takes observations and outcomes as they come; ``key`` is random, of this process alone."""

    def __init__(self, requirements: Iterable[Requirement], key: bytes, *, companions: bool = False) -> None:
        needs = tuple(requirements)
        self._key = key
        self._find = required(needs).find
        self._most = share(ADDRESSES, ALL_ADDRESSES, len(needs)), share(OUTCOMES, ALL_OUTCOMES, len(needs))
        self._agents = {agent: one.pack for one in needs for agent in one.webhook_agents}
        self._places: dict[tuple[str, str], Recent[str, _Place]] = {}
        self._ends: dict[tuple[str, str], Recent[Sort, _End]] = {}
        self._roads: dict[tuple[str, str], set[str]] = {}
        self._calls: dict[str, _Calls] = {}
        self._waiting: Recent[Ends, str] = Recent(CALLS)
        self._visible = Visible()
        self._companions = Companions(key, Names(needs).cover, self._find) if companions else None
        self._public: dict[str, bool] = {}
        self._since: float | None = None
        self._until = 0.0
        self._lost = (0, 0)
        self._forgotten = 0

    # ---- what comes ----

    def tick(self, now: float) -> None:
        """It is at least so late: what did not happen until then did not happen."""
        if 0 <= now <= LAST:
            self._since = now if self._since is None else min(self._since, now)
            self._until = max(self._until, now)

    def lost(self, packets: int, drops: int) -> None:
        """How many packets came, and how many of them were dropped, since the beginning."""
        for what, number, before in zip(("packets", "drops"), (packets, drops), self._lost, strict=True):
            self._visible.count(self._until, what, max(number - before, 0))
        self._lost = (packets, drops)

    def add(self, observation: Observation) -> None:
        """Take one observation, as it was seen."""
        at = observation.timestamp
        if not 0 <= at <= LAST:
            return
        self.tick(at)
        if observation.sensor is None:  # a log may tell of what was seen on the wire as well: that counts once
            self._visible.add(observation)
        if self._companions is not None and observation.sensor is None:
            self._companions.add(observation)
        message = observation.message
        if isinstance(message, Dns):
            if message.event == "response" and message.answers:
                self._answer(message, at)
        elif isinstance(message, ClientHello | QuicHello | TlsLog):
            if observation.via is None and (need := self._find(message.sni)) is not None:
                place = self._place(need.pack, need.pattern, observation.dest_ip, at)
                self._port(place, f"{observation.transport}/{observation.dest_port}")
        elif isinstance(message, HttpRequest | HttpResponse):
            self._http(observation, message)

    def outcome(self, outcome: Outcome) -> None:
        """Take one outcome, as it was found."""
        at = outcome.timestamp
        if not 0 <= at <= LAST:
            return
        self.tick(at)
        domain = (outcome.pack, outcome.domain)
        public = self._is_public(outcome.dest_ip)
        port = outcome.transport if outcome.dest_port is None else f"{outcome.transport}/{outcome.dest_port}"
        road = "direct" if public or outcome.stage is OutcomeStage.DNS else self._proxy(domain, outcome)
        family = 6 if ":" in outcome.dest_ip else 4
        key = (outcome.zone, outcome.stage, outcome.fate, port, family, road)
        ends = self._ends.setdefault(domain, Recent(self._most[1]))
        end = ends.get(key) or _End(at)
        ends.put(key, end)
        self._count(end, outcome)
        if public and outcome.stage is not OutcomeStage.DNS and outcome.fate is not Fate.HTTP_PROXY_DENIED:
            place = self._place(*domain, outcome.dest_ip, at, count=0)
            self._port(place, port)
            if place is not None:
                self._fare(place, outcome.fate)

    # ---- what was seen ----

    def observed(self) -> Observed:
        """All of it until now; what was seen last more than a week ago is forgotten."""
        self._prune(self._until - WEEK)
        domains = sorted({*self._places, *self._ends})
        forgotten = sum(one.forgotten for one in self._places.values())
        forgotten += sum(one.forgotten for one in self._ends.values())
        forgotten += self._companions.forgotten if self._companions is not None else 0
        self._visible.count(self._until, "forgotten", forgotten - self._forgotten)
        self._forgotten = forgotten
        return Observed(
            since=self._until if self._since is None else max(self._since, self._until - WEEK),
            until=self._until,
            domains=tuple(one for one in map(self._domain, domains) if one.addresses or one.outcomes),
            companions=self._companions.found() if self._companions is not None else (),
            webhooks=tuple(
                Webhook(
                    pack=self._agents[agent],
                    agent=agent,
                    first=one.first,
                    last=one.last,
                    count=one.count,
                    statuses=tuple(sorted(one.statuses.items())),
                )
                for agent, one in sorted(self._calls.items(), key=lambda pair: (self._agents[pair[0]], pair[0]))
            ),
            days=self._visible.days(),
        )

    def _domain(self, domain: tuple[str, str]) -> Domain:
        places, ends = self._places.get(domain), self._ends.get(domain)
        return Domain(
            pack=domain[0],
            pattern=domain[1],
            addresses=tuple(_address(*pair) for pair in sorted(places.items())) if places is not None else (),
            outcomes=tuple(sorted((_fared(*pair) for pair in ends.items()), key=sort)) if ends is not None else (),
        )

    def _prune(self, since: float) -> None:
        for places in self._places.values():
            for address, place in places.items():
                if place.last < since:
                    places.pop(address)
        for ends in self._ends.values():
            for key, end in ends.items():
                if end.last < since:
                    ends.pop(key)
        self._calls = {agent: one for agent, one in self._calls.items() if one.last >= since}
        if self._companions is not None:
            self._companions.prune(since)

    # ---- addresses ----

    def _answer(self, message: Dns, at: float) -> None:
        need = self._find(message.qname)
        if need is None or any(one.info_code in MADE_UP for one in message.ede):
            return
        owners = {message.qname, *message.cname_chain}
        for record in message.answers:
            if record.type in {"A", "AAAA"} and record.name in owners:
                place = self._place(need.pack, need.pattern, record.data, at)
                if place is not None:
                    place.answered = True

    def _place(self, pack: str, pattern: str, address: str, at: float, count: int = 1) -> _Place | None:
        """The address of a domain; None where it is no public one."""
        if not self._is_public(address):
            return None
        places = self._places.setdefault((pack, pattern), Recent(self._most[0]))
        place = places.get(address) or _Place(at)
        place.first, place.last = min(place.first, at), max(place.last, at)
        place.count += count
        places.put(address, place)
        return place

    @staticmethod
    def _port(place: _Place | None, port: str) -> None:
        if place is not None and len(place.ports) < PORTS:
            place.ports.add(port)

    @staticmethod
    def _fare(place: _Place, fate: Fate) -> None:
        if fate in PASSED:
            place.passed += 1
        elif fate in DROPPED:
            place.dropped += 1
        else:
            place.unknown += 1

    def _is_public(self, address: str) -> bool:
        known = self._public.get(address)
        if known is None:
            if len(self._public) >= KNOWN:
                self._public.clear()
            known = self._public[address] = _public(address)
        return known

    # ---- outcomes ----

    def _count(self, end: _End, outcome: Outcome) -> None:
        at = outcome.timestamp
        end.first, end.last = min(end.first, at), max(end.last, at)
        end.count += 1
        if len(end.clients) < CLIENTS:
            end.clients.add(blake2b(outcome.src_ip.encode(), key=self._key, digest_size=16).digest())
        if outcome.confidence >= end.confidence:
            end.confidence = outcome.confidence
            end.example = tuple(_clue(one, outcome) for one in outcome.evidence[:CLUES])
        number = int(at) // SLOT
        counts = end.slots.get(number)
        if counts is None:
            counts = end.slots[number] = [0, 0, 0]
            if len(end.slots) > 1:
                end.slots = {one: found for one, found in end.slots.items() if is_recent(one, end.last)}
        counts[0] += 1
        counts[1] += outcome.confidence >= LIKELY
        counts[2] += outcome.confidence >= SURE

    def _proxy(self, domain: tuple[str, str], outcome: Outcome) -> str:
        address = f"[{outcome.dest_ip}]" if ":" in outcome.dest_ip else outcome.dest_ip
        road = f"proxy:{address}:{outcome.dest_port}"
        roads = self._roads.setdefault(domain, set())
        if road not in roads and len(roads) >= ROADS:
            return "proxy:others"
        roads.add(road)
        return road

    # ---- webhooks ----

    def _http(self, observation: Observation, message: HttpRequest | HttpResponse) -> None:
        source, target = (observation.src_ip, observation.src_port), (observation.dest_ip, observation.dest_port)
        at = observation.timestamp
        if isinstance(message, HttpResponse):
            agent = self._waiting.get((*target, *source)) if message.status >= 200 else None
            if agent is not None and (calls := self._calls.get(agent)) is not None:
                self._waiting.pop((*target, *source))
                if message.status in calls.statuses or len(calls.statuses) < STATUSES:
                    calls.statuses[message.status] = calls.statuses.get(message.status, 0) + 1
        elif message.user_agent in self._agents:
            calls = self._calls.setdefault(message.user_agent, _Calls(at))
            calls.first, calls.last = min(calls.first, at), max(calls.last, at)
            calls.count += 1
            self._waiting.put((*source, *target), message.user_agent)
        else:
            # the next request on the same connection is somebody else's, behind a proxy
            self._waiting.pop((*source, *target))


def _public(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return int(found) in PUBLIC[found.version]


def _address(address: str, place: _Place) -> Address:
    return Address(
        address=address,
        first=place.first,
        last=place.last,
        count=place.count,
        answered=place.answered,
        ports=tuple(sorted(place.ports)),
        passed=place.passed,
        dropped=place.dropped,
        unknown=place.unknown,
    )


def _fared(key: Sort, end: _End) -> Fared:
    zone, stage, fate, port, family, road = key
    return Fared(
        zone=zone,
        stage=stage,
        fate=fate,
        port=port,
        family=6 if family == 6 else 4,
        road=road,
        count=end.count,
        first=end.first,
        last=end.last,
        clients=len(end.clients),
        confidence=min(max(end.confidence, 0.0), 1.0),
        slots=tuple(
            Slot(number=number, count=count, likely=likely, sure=sure)
            for number, (count, likely, sure) in sorted(end.slots.items())
            if is_recent(number, end.last)
        ),
        example=end.example,
    )


def _clue(clue: Clue, outcome: Outcome) -> Clue:
    """A clue without the client: of addresses only the server's stays, of ports none that is the client's."""
    facts = tuple(
        (name, value)
        for name, value in clue.facts
        if (isinstance(value, int) and value != outcome.src_port) or value == outcome.dest_ip
    )
    what = clue.what.replace(outcome.src_ip, "the client")
    return Clue(clue.at, what if len(what) <= CLUE else f"{what[: CLUE - 1]}…", facts)
