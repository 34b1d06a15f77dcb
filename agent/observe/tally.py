"""What observations and outcomes say about required domains, added up over hours and days.

It sees everything in clear and keeps no client: their addresses are only counted, by keyed hashes that end with it.
"""

from __future__ import annotations

import ipaddress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from agent.model.evidence import DAY, Address, Domain, Observed
from agent.model.observation import ClientHello, Dns, HttpRequest, HttpResponse, QuicHello, TlsLog
from agent.model.outcome import PASSED, Fate, OutcomeStage
from agent.model.public import PUBLIC
from agent.observe.merge import ADDRESSES, ALL_ADDRESSES, ALL_OUTCOMES, OUTCOMES, PORTS, WEEK, share
from agent.observe.privacy import Names
from agent.observe.recent import Recent
from agent.observe.required import required
from agent.observe.tally_companions import Companions
from agent.observe.tally_ends import Ends
from agent.observe.tally_visible import Visible
from agent.observe.tally_webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.model.observation import Observation
    from agent.model.outcome import Outcome
    from agent.model.requirement import Requirement

DROPPED: Final = frozenset({
    Fate.TCP_UNANSWERED, Fate.TCP_REFUSED, Fate.TCP_RESET_AFTER_SYN, Fate.TCP_RESET_AFTER_HELLO, Fate.RESET_INJECTED,
    Fate.ICMP_PROHIBITED,
})  # fmt: skip
MADE_UP: Final = frozenset({4, 15, 16, 17, 18})
"""Extended errors (RFC 8914) of answers that are a filter's, not the domain's."""
LAST: Final = 253_402_300_799.0
"""The end of the year 9999; times behind it are not."""
KNOWN: Final = 1024
"""Addresses of which is remembered whether they are public."""


class _Place:
    """An address of a domain."""

    __slots__ = ("answered", "count", "dropped", "first", "last", "passed", "ports", "unknown")

    def __init__(self, at: float) -> None:
        self.first = self.last = at
        self.count = self.passed = self.dropped = self.unknown = 0
        self.answered = False
        self.ports: set[str] = set()


class Tally:
    """Takes observations and outcomes as they come; ``key`` is random, of this process alone."""

    def __init__(self, requirements: Iterable[Requirement], key: bytes, *, companions: bool = False) -> None:
        needs = tuple(requirements)
        self._key = key
        self._find = required(needs).find
        self._most = share(ADDRESSES, ALL_ADDRESSES, len(needs)), share(OUTCOMES, ALL_OUTCOMES, len(needs))
        self._places: dict[tuple[str, str], Recent[str, _Place]] = {}
        self._ends: dict[tuple[str, str], Ends] = {}
        self._webhooks = Webhooks(needs)
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

    def beside(self, begin: float | None, questions: Mapping[int, int]) -> None:
        """Take how many questions each day had about names that are no observations, and when the first came."""
        if begin is not None and 0 <= begin <= LAST:
            self.tick(begin)
        for day, number in questions.items():
            self._visible.count(day * DAY, "dns", number)

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
            self._webhooks.add(observation, message)

    def outcome(self, outcome: Outcome) -> None:
        """Take one outcome, as it was found."""
        at = outcome.timestamp
        if not 0 <= at <= LAST:
            return
        self.tick(at)
        domain = (outcome.pack, outcome.domain)
        public = self._is_public(outcome.dest_ip)
        port = outcome.transport if outcome.dest_port is None else f"{outcome.transport}/{outcome.dest_port}"
        ends = self._ends.get(domain)
        if ends is None:
            ends = self._ends[domain] = Ends(self._most[1], self._hashed)
        ends.add(outcome, port, public=public)
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
            webhooks=self._webhooks.found(),
            days=self._visible.days(),
        )

    def _domain(self, domain: tuple[str, str]) -> Domain:
        places, ends = self._places.get(domain), self._ends.get(domain)
        return Domain(
            pack=domain[0],
            pattern=domain[1],
            addresses=tuple(_address(*pair) for pair in sorted(places.items())) if places is not None else (),
            outcomes=ends.found() if ends is not None else (),
        )

    def _prune(self, since: float) -> None:
        for places in self._places.values():
            for address, place in places.items():
                if place.last < since:
                    places.pop(address)
        for ends in self._ends.values():
            ends.prune(since)
        self._webhooks.prune(since)
        if self._companions is not None:
            self._companions.prune(since)

    def _hashed(self, client: str) -> bytes:
        return blake2b(client.encode(), key=self._key, digest_size=16).digest()

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
