"""Questions to resolvers and what came back, as far as they are about required names."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from agent.model.record import record
from agent.observe.crossings import mark_of_question
from agent.observe.outcomes_dns import USUAL, Answer, Asked
from agent.observe.recent import Recent

if TYPE_CHECKING:
    from agent.model.observation import Dns, Observation
    from agent.model.requirement import Requirement
    from agent.observe.crossings import Crossings
    from agent.wire.ip import Packet

OPEN: Final = 1024
"""Questions that wait for an answer: those of required names, and as many of others."""
RESOLVERS: Final = 1024
SENDS: Final = 16
"""Times that a question is counted."""
ANSWERS: Final = 4
OTHER_WAIT: Final = 5.0
"""Seconds after which a question about another name counts as lost."""
COPY: Final = 0.05
"""Seconds in which a packet comes again on its way through."""
CALM: Final = 30.0
"""Seconds in which a resolver's other answers count."""

Key = tuple[str, str, str, str]
"""Client, resolver, name and type."""


@record
class Sent:
    """One question as it was sent, by port and id."""

    at: float
    ttl: int
    times: int
    answers: int


class Question:
    """All of one client to one resolver for the same records, until they are answered or given up."""

    def __init__(self, at: float, key: Key, requirement: Requirement, zone: str | None) -> None:
        self.key = key
        self.requirement = requirement
        self.zone = zone
        self.begin = at
        self.sent = at
        self.sends = 0
        self.by_id: dict[tuple[int | None, int], Sent] = {}
        self.answers: list[Answer] = []
        self.doubled = False
        self.crossed = False
        self.port: int | None = None
        self.resolver_port: int | None = None
        self.transport = "udp"

    def facts(self) -> Asked:
        """What a judgement takes."""
        return Asked(self.begin, self.sent, self.sends, tuple(self.answers), self.doubled)


class Resolver:
    """How one resolver usually answers."""

    def __init__(self) -> None:
        self.ttl: int | None = None
        """Of all its answers; None where they differ."""
        self.count = 0
        self.quickest: float | None = None
        self.well: list[float] = []
        """Its last answers about names that nobody requires."""
        self.lost: float | None = None

    def answered(self, at: float, ttl: int, rtt: float | None) -> None:
        """It answered about another name."""
        if self.count == 0:
            self.ttl = ttl
        elif self.ttl != ttl:
            self.ttl = None if self.count < USUAL else self.ttl
        self.count += 1
        if rtt is not None:
            self.quickest = rtt if self.quickest is None else min(rtt, self.quickest)
        self.well.append(at)
        del self.well[:-8]

    def usual(self) -> tuple[int | None, float | None]:
        """TTL and the quickest answer in seconds, once enough is known."""
        return (self.ttl, self.quickest) if self.count >= USUAL else (None, None)

    def others(self, since: float) -> int:
        """Answers about other names since then."""
        return sum(at >= since for at in self.well)


class Questions:
    """All that are open."""

    def __init__(self, crossings: Crossings) -> None:
        self._crossings = crossings
        self._open: Recent[Key, Question] = Recent(OPEN)
        self._settling: Recent[tuple[Key, int | None, int], Question] = Recent(OPEN)
        """Answered, not yet judged, and asked again meanwhile; by each port and id."""
        self._others: Recent[bytes, float] = Recent(OPEN)
        """When others were asked, by addresses of client and resolver, the client's port, and id."""
        self._resolvers: Recent[bytes, Resolver] = Recent(RESOLVERS)

    def open(self) -> list[Question]:
        """Those that wait, the oldest first."""
        return [*dict.fromkeys(self._settling.values()), *self._open.values()]

    def close(self, question: Question) -> None:
        """It is judged."""
        if self._open.get(question.key) is question:
            self._open.pop(question.key)
        for number in question.by_id:
            self._settling.pop((question.key, *number))

    def resolver(self, address: bytes) -> Resolver:
        """What is known of one."""
        found = self._resolvers.get(address)
        if found is None:
            found = Resolver()
            self._resolvers.put(address, found)
        return found

    def take(
        self, seen: Observation, message: Dns, packet: Packet, requirement: Requirement | None, zone: str | None
    ) -> Question | None:
        """Take a message; give the question that it answers."""
        if message.id is None:  # a log's: without a packet there is nothing to compare
            return None
        if message.event == "query":
            if requirement is None:
                self._others.put(_other(packet[2], packet[3], seen.src_port, message.id), seen.timestamp)
                return None
            mark = mark_of_question(packet.destination, message.id)
            if not self._crossings.is_image(mark, seen.timestamp, packet.ttl):
                self._ask(seen, message, packet, requirement, zone)
            return None
        if requirement is None:
            asked = self._others.pop(_other(packet[3], packet[2], seen.dest_port, message.id))
            if message.rcode in {"NOERROR", "NXDOMAIN"}:
                self._answered(seen.timestamp, packet, asked)
            return None
        return self._answer(seen, message, packet)

    def beside(self, at: float, packet: Packet, data: bytes) -> None:
        """Take a datagram with a message about a name of no interest."""
        begin = packet[6]
        number = data[begin + 8 : begin + 10]
        if data[begin + 10] & 0x80 == 0:
            self._others.put(packet[2] + packet[3] + data[begin : begin + 2] + number, at)
            return
        asked = self._others.pop(packet[3] + packet[2] + data[begin + 2 : begin + 4] + number)
        if data[begin + 11] & 15 in {0, 3}:
            self._answered(at, packet, asked)

    def sweep(self, now: float) -> None:
        """Give up waiting for answers about names of no interest."""
        for key, at in self._others.items():
            if now - at < OTHER_WAIT:
                break
            self._others.pop(key)
            self.resolver(key[(len(key) - 4) // 2 : -4]).lost = at

    def _ask(self, seen: Observation, message: Dns, packet: Packet, requirement: Requirement, zone: str | None) -> None:
        key = (seen.src_ip, seen.dest_ip, message.qname or "", message.qtype or "")
        question = self._open.get(key)
        if question is None or question.answers:
            if question is not None and _is_echo(question, message.id or 0, seen.src_port, seen.timestamp):
                return
            if question is not None:
                for one in question.by_id:
                    self._settling.put((key, *one), question)
            question = Question(seen.timestamp, key, requirement, zone)
            self._open.put(key, question)
        number = (seen.src_port, message.id or 0)
        sent = question.by_id.get(number)
        if sent is not None and seen.timestamp - sent.at < COPY and packet.ttl < sent.ttl:
            question.crossed = True
            return
        times = sent.times + 1 if sent is not None else 1
        if len(question.by_id) < SENDS or sent is not None:
            question.by_id[number] = Sent(seen.timestamp, packet.ttl, times, sent.answers if sent is not None else 0)
        question.sends += 1
        question.sent = seen.timestamp
        question.port, question.resolver_port = seen.src_port, seen.dest_port
        question.transport = seen.transport or "udp"

    def _answer(self, seen: Observation, message: Dns, packet: Packet) -> Question | None:
        key = (seen.dest_ip, seen.src_ip, message.qname or "", message.qtype or "")
        number = (seen.dest_port, message.id or 0)
        question = self._open.get(key)
        if question is None or number not in question.by_id:
            question = self._settling.get((key, *number))
        if question is None:
            return None
        sent = question.by_id[number]
        if any(
            one.message == message and seen.timestamp - one.at < COPY and packet.ttl < one.ttl
            for one in question.answers
        ):
            return None
        question.by_id[number] = Sent(sent.at, sent.ttl, sent.times, sent.answers + 1)
        question.doubled = question.doubled or sent.answers + 1 > sent.times
        if len(question.answers) < ANSWERS:
            question.answers.append(Answer(seen.timestamp, packet.ttl, seen.timestamp - sent.at, message))
        return question

    def _answered(self, at: float, packet: Packet, asked: float | None) -> None:
        """A resolver answered well, about a name of no interest."""
        self.resolver(packet[2]).answered(at, packet[4], at - asked if asked is not None else None)


def _other(client: bytes, resolver: bytes, port: int | None, number: int) -> bytes:
    return client + resolver + ((port or 0) << 16 | number).to_bytes(4, "big")


def _is_echo(question: Question, number: int, port: int | None, at: float) -> bool:
    """Whether a question is one that was answered already, seen in another place."""
    sent = question.by_id.get((port, number))
    return sent is not None and at - sent.at < COPY


def addresses(message: Dns) -> list[bytes]:
    """The addresses in an answer, as packets have them."""
    found: list[bytes] = []
    for one in message.answers:
        if one.type in {"A", "AAAA"}:
            try:
                found.append(ipaddress.ip_address(one.data).packed)
            except ValueError:
                continue
    return found
