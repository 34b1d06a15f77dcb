"""What became of the required names that clients asked for: observations and packets in, outcomes out.

Names are tied to connections by what the client says on them (SNI, Host, CONNECT), else by the answers of DNS that the
client got. Nothing is judged at once: what decides may still come, and on a live tap the far side of the gateway is
read a moment later than the near one.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from agent.model.observation import (
    Alert,
    CertificateChain,
    ClientHello,
    Dns,
    HttpRequest,
    HttpResponse,
    IcmpError,
    QuicHello,
    ServerHello,
)
from agent.model.outcome import Fate, Outcome
from agent.model.vocabulary import HOST
from agent.observe import outcomes_dns, outcomes_http, outcomes_quic, outcomes_tcp
from agent.observe.crossings import Crossings, mark_of, mark_of_question, mark_of_quic
from agent.observe.flow import ErrorSeen
from agent.observe.flows import Flows
from agent.observe.history import History
from agent.observe.outcomes import Context, Judged
from agent.observe.outcomes_dns import DnsContext
from agent.observe.outcomes_http import Exchange
from agent.observe.questions import CALM, Questions, addresses
from agent.observe.quic_attempts import QuicAttempts
from agent.observe.recent import Recent
from agent.observe.required import host_of, required

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.model.observation import Observation
    from agent.model.requirement import Requirement
    from agent.observe.flow import Flow
    from agent.observe.questions import Question
    from agent.observe.quic_attempts import QuicFlow
    from agent.wire.ip import Packet

SWEEP: Final = 0.5
"""Seconds between two looks at what is open."""
DONE: Final = 60.0
"""Seconds after which a connection that is judged is forgotten."""
BEFORE: Final = 600.0
"""Seconds in which another name that passed at an address tells that the address is well."""
ANSWERED: Final = 1024
"""Addresses that answers about required names led to, and as many clients that got them."""
CHALLENGE: Final = 5.0
"""Seconds in which a client that a proxy asked for its password comes again."""
CHALLENGED: Final = 1024
LARGE: Final = outcomes_tcp.FULL_SEGMENT
_NEW: Final = frozenset({"TLSv1.2", "TLSv1.3"})


class Inference:
    """Fed with every packet (as a dissector's ``Watch``) and every observation; gives outcomes when time passes.

    ``hops``: what this host writes into TTL and hop limit of its own packets, where it is the gateway itself.
    """

    def __init__(self, requirements: Iterable[Requirement], hops: tuple[int, int] | None = None) -> None:
        self._patterns = required(requirements)
        self._hops = hops
        self._zone: str | None = None
        self._outgoing: bool | None = None
        self._crossings = Crossings()
        self._flows = Flows(self._crossings)
        self._quics = QuicAttempts(self._crossings)
        self._questions = Questions(self._crossings)
        self._history = History()
        self._answers: Recent[bytes, Recent[bytes, tuple[str, Requirement]]] = Recent(ANSWERED)
        """Names by address, and by the client that got it in an answer."""
        self._challenged: Recent[tuple[bytes, str], tuple[Flow, Exchange]] = Recent(CHALLENGED)
        self._found: list[Outcome] = []
        self._now = 0.0
        self._swept = 0.0

    # ---- packets ----

    def frame(self, zone: str, *, outgoing: bool) -> None:
        """In which zone the next packets are seen, and whether on their way out of this host."""
        self._zone = zone
        self._outgoing = outgoing

    def segment(self, timestamp: float, packet: Packet, data: bytes) -> None:
        """A TCP segment."""
        flows = self._flows
        flow = flows.segment(timestamp, packet, data, self._here(packet))
        if flow is not None:
            flow.zone = self._zone
            if flow.syn is not None and flow.syn.here:
                flow.zone = HOST
                self._history.connects(timestamp)
            clients = self._answers.get(flow.server)
            if clients is not None and (asked := clients.get(flow.client)) is not None:
                flows.name(flow, *asked, asked=False)
        elif flows.answered:
            for one in flows.answered:
                self._history.answered(timestamp, one.server, packet[4])
            flows.answered.clear()

    def long_header(self, timestamp: float, packet: Packet, data: bytes, begin: int, end: int) -> None:
        """A QUIC packet with a long header, from its UDP header on."""
        self._quics.datagram(timestamp, packet, data, begin, end)

    def beside(self, timestamp: float, packet: Packet, data: bytes) -> None:
        """A message of DNS about a name that nobody requires."""
        self._questions.beside(timestamp, packet, data)

    def far(self, timestamp: float, packet: Packet, data: bytes) -> None:
        """A packet on its way out of the gateway, seen besides where its client is."""
        self._crossings.far(timestamp, packet, data)

    def dropped(self, timestamp: float) -> None:
        """The kernel had to drop packets: what was not seen may have been there."""
        self._history.dropped(timestamp)

    def _here(self, packet: Packet) -> bool | None:
        if self._outgoing is None or self._hops is None:
            return None
        return self._outgoing and packet[4] == self._hops[packet[0] == 6]

    # ---- messages ----

    def message(self, seen: Observation, packet: Packet) -> None:
        """An observation, and the packet that completed it."""
        message = seen.message
        if isinstance(message, Dns):
            self._dns(seen, message, packet)
        elif isinstance(message, IcmpError):
            self._error(seen, message)
        elif isinstance(message, QuicHello):
            self._quic(seen, message, packet)
        elif seen.src_port is not None and seen.dest_port is not None and seen.transport == "tcp":
            ports = seen.src_port.to_bytes(2, "big"), seen.dest_port.to_bytes(2, "big")
            forth = packet[2] + packet[3] + ports[0] + ports[1]
            if not self._flows.is_image(forth):
                self._tcp(seen, forth, packet[3] + packet[2] + ports[1] + ports[0])

    def _tcp(self, seen: Observation, forth: bytes, back: bytes) -> None:
        message, at = seen.message, seen.timestamp
        match message:
            case ClientHello():
                via = seen.via.connect_host if seen.via is not None else None
                flow = self._asked(forth, at, message.sni, host_of(via) if via else None)
                flow.outdated = _NEW.isdisjoint(message.supported_versions or (message.legacy_version,))
                if seen.via is not None and not seen.via.how.startswith("starttls"):
                    flow.through = seen.via.how
            case HttpRequest():
                name = message.connect_host or message.host
                flow = self._asked(forth, at, host_of(name) if name else None, None)
                flow.request = message
                flow.plain = message.connect_host is None
                flow.through = None if flow.plain else "http-connect"
            case HttpResponse():
                if (flow_ := self._flows.find(back)) is not None:
                    self._response(flow_, message, at)
            case ServerHello() | CertificateChain():
                if (flow_ := self._flows.find(back)) is not None:
                    self._said(flow_, message, at)
            case Alert():
                flow_ = self._flows.find(back) or self._flows.find(forth)
                if flow_ is not None and flow_.requirement is not None:
                    fatal_by_client = flow_.key == forth
                    # the client's alert tells what it thinks of a certificate, nothing of the server
                    if not fatal_by_client or any(isinstance(one, CertificateChain) for _, one in flow_.messages):
                        flow_.messages.append((at, message))

    def _asked(self, key: bytes, at: float, name: str | None, instead: str | None) -> Flow:
        """The connection on which a client asked for a name."""
        flow = self._flows.find(key)
        if flow is None:
            flow = self._flows.opened(key, at)
            flow.zone, flow.hello, flow.sent, flow.hello_sends = self._zone, at, at, 1
        for one in (name, instead):
            requirement = self._patterns.find(one)
            if one is not None and requirement is not None:
                if flow.decided and flow.name != one:
                    flow.decided = False
                    flow.messages.clear()
                self._flows.name(flow, one, requirement, asked=True)
                return flow
        if name is not None:
            self._flows.unname(flow)
            flow.name = name
        return flow

    def _said(self, flow: Flow, message: ServerHello | CertificateChain, at: float) -> None:
        """What the server said in its handshake."""
        if isinstance(message, ServerHello):
            self._history.passed(at, flow.server, flow.name or "")
            if flow.hello_size >= LARGE:
                self._history.large_hello = at
        if flow.requirement is None:
            self._flows.release(flow)
        elif len(flow.messages) < 8:
            flow.messages.append((at, message))

    def _response(self, flow: Flow, response: HttpResponse, at: float) -> None:
        request = flow.request
        if request is None or response.status < 200:
            return
        flow.request = None
        if flow.requirement is None or flow.name is None:
            if flow.plain:
                self._history.passed(at, flow.server, flow.name or "")
            self._flows.release(flow)
            return
        place = (flow.client, flow.name)
        self._challenged.pop(place)
        here = flow.synack is not None and flow.synack.here is True
        exchange = Exchange(at, request, response, here)
        judged = outcomes_http.judge(exchange, self._covers)
        if judged is None:
            self._challenged.put(place, (flow, exchange))
            flow.decided = True
        elif request.connect_host is not None and judged.fate is Fate.OK:
            flow.decided = False  # the handshake within it decides
        else:
            if judged.fate is Fate.HTTP_BLOCK_PAGE and not here:
                self._history.block_page(at, flow.server)
            self._decide_flow(flow, judged, at)

    def _covers(self, name: str) -> bool:
        return self._patterns.find(name) is not None

    def _dns(self, seen: Observation, message: Dns, packet: Packet) -> None:
        requirement = self._patterns.find(message.qname)
        zone = HOST if self._here(packet) else self._zone
        question = self._questions.take(seen, message, packet, requirement, zone)
        if question is None or requirement is None or message.qname is None:
            return
        client = packet[3]
        for address in addresses(message):
            clients = self._answers.get(address)
            if clients is None:
                clients = Recent(ANSWERED // 64)
                self._answers.put(address, clients)
            clients.put(client, (message.qname, requirement))

    def _quic(self, seen: Observation, message: QuicHello, packet: Packet) -> None:
        requirement = self._patterns.find(message.sni)
        if requirement is not None and message.sni is not None and seen.src_port is not None:
            ports = seen.src_port.to_bytes(2, "big") + (seen.dest_port or 0).to_bytes(2, "big")
            key = packet[2] + packet[3] + ports
            self._quics.name(key, message.sni, requirement, self._zone, bytes.fromhex(message.dcid))

    def _error(self, seen: Observation, message: IcmpError) -> None:
        if None in {message.orig_src_ip, message.orig_dest_ip, message.orig_src_port, message.orig_dest_port}:
            return
        ports = (message.orig_src_port or 0).to_bytes(2, "big") + (message.orig_dest_port or 0).to_bytes(2, "big")
        key = _packed(message.orig_src_ip or "") + _packed(message.orig_dest_ip or "") + ports
        if message.orig_proto == 6:
            self._flows.error(key, seen.timestamp, seen.src_ip, message)
        elif message.orig_proto == 17:
            self._quics.error(key, ErrorSeen(seen.timestamp, seen.src_ip, message))

    # ---- time ----

    def tick(self, now: float) -> list[Outcome]:
        """What is decided by now, seconds since 1970."""
        if now - self._swept >= SWEEP or now < self._swept:
            self._swept = now
            self._sweep(now, over=False)
        found, self._found = self._found, []
        return found

    def finish(self, now: float) -> list[Outcome]:
        """All that is still open, as far as it can be told."""
        self._sweep(now, over=True)
        found, self._found = self._found, []
        return found

    def _sweep(self, now: float, *, over: bool) -> None:
        self._now = now
        self._questions.sweep(now)
        for flow in self._flows.named():
            if not flow.decided:
                self._judge_flow(flow, now, over=over)
            elif now - flow.sent > DONE or over:
                self._flows.release(flow)
        for quic in self._quics.open():
            self._judge_quic(quic, now, over=over)
        for flow, exchange in self._challenged.values():
            if now - exchange.at >= CHALLENGE or over:
                judged = outcomes_http.judge(exchange, self._covers, unauthenticated=True)
                self._challenged.pop((flow.client, flow.name or ""))
                if judged is not None:
                    self._decide_flow(flow, judged, now)
        # last: whether an address was reached is known by now
        for question in self._questions.open():
            self._judge_question(question, now, over=over)

    def _judge_flow(self, flow: Flow, now: float, *, over: bool) -> None:
        name = flow.name or ""
        history, crossings = self._history, self._crossings
        silent = 0
        if flow.synack is None and flow.hello is None and (over or now - flow.sent >= outcomes_tcp.SYN_WAIT):
            silent = history.silent(flow.begin, flow.server, flow.syns).syns
        large = history.large_hello
        context = Context(
            over=over,
            lossy=history.lossy(now, now - flow.begin + outcomes_tcp.SETTLE),
            out_seen=crossings.watched(now),
            crossed=flow.crossed or crossings.crossed(mark_of(flow.server, flow.key[-2:], flow.syn_seq), flow.begin)
            if flow.syn is not None
            else False,
            hello_crossed=flow.hello_crossed
            or (
                flow.hello_seq >= 0
                and crossings.crossed(mark_of(flow.server, flow.key[-2:], flow.hello_seq), flow.begin)
            ),
            lately=history.lately(_at(name, flow.server), "tcp", now),
            other=history.others_pass(flow.server, name, flow.begin - BEFORE),
            repeats=history.repeats(name, "tcp"),
            silent=silent,
            answers=history.answers(flow.begin, flow.server),
            usual_ttl=history.ttl(flow.server),
            connected=flow.hello is not None and history.connected(flow.begin - 0.01, now),
            large_passes=large is not None and now - large < BEFORE,
        )
        judged = outcomes_tcp.judge(flow, now, context)
        if judged is not None:
            self._decide_flow(flow, judged, now)

    def _decide_flow(self, flow: Flow, judged: Judged, now: float) -> None:
        flow.decided = True
        if flow.requirement is None or flow.name is None:
            return
        history, name = self._history, flow.name
        if judged.fate is Fate.OK:
            history.succeeded(now, _at(name, flow.server), "tcp")
            history.succeeded(now, _at(name, flow.client), "reached")
            history.recovered(name, "tcp")
        else:
            history.failed(now, name, "tcp")
        ends = (_text(flow.client), flow.cport, _text(flow.server), flow.sport)
        self._emit(now, flow.requirement, name, flow.zone, judged, ends, "tcp")

    def _judge_quic(self, quic: QuicFlow, now: float, *, over: bool) -> None:
        requirement = quic.requirement
        if requirement is None or quic.name is None:
            return
        over_tcp = self._history.since(_at(quic.name, quic.client), "reached", quic.begin - 1.0)
        left = None
        if self._crossings.watched(now):
            left = quic.crossed or self._crossings.crossed(mark_of_quic(quic.server, quic.dcid), quic.begin)
        lossy = self._history.lossy(now, now - quic.begin + 1.0)
        judged = outcomes_quic.judge(quic.facts(over_tcp), now, over=over, lossy=lossy, left=left)
        if judged is None:
            return
        self._quics.close(quic)
        if judged.fate is Fate.OK:
            self._history.passed(now, quic.server, quic.name)
        ends = (_text(quic.client), quic.cport, _text(quic.server), quic.sport)
        self._emit(now, requirement, quic.name, quic.zone, judged, ends, "udp")

    def _judge_question(self, question: Question, now: float, *, over: bool) -> None:
        client, resolver, name, _ = question.key
        history = self._history
        known = self._questions.resolver(_packed(resolver))
        usual_ttl, quickest = known.usual()
        found = addresses(question.answers[0].message) if question.answers else []
        left = None
        if self._crossings.watched(now) and question.by_id:
            marks = (mark_of_question(_packed(resolver), number) for _, number in question.by_id)
            # a resolver on this side is asked without crossing anything
            left = (
                True if question.crossed or any(self._crossings.crossed(one, question.begin) for one in marks) else None
            )
        context = DnsContext(
            over=over,
            lossy=history.lossy(now, now - question.begin + 1.0),
            left=left,
            others=known.others(question.begin - CALM),
            others_lost=1 if known.lost is not None and known.lost >= question.begin - CALM else 0,
            lately=history.lately(name, resolver, now),
            repeats=history.repeats(name, f"dns {resolver}"),
            wildcard=question.requirement.pattern.startswith("*."),
            usual_ttl=usual_ttl,
            quickest=quickest,
            reached=any(history.has_passed(one, name, question.begin) for one in found),
            block_page=any(history.is_block_page(one) for one in found),
        )
        judged = outcomes_dns.judge(question.facts(), now, context)
        if judged is None:
            return
        self._questions.close(question)
        if judged.fate is Fate.OK:
            history.succeeded(now, name, resolver)
            history.recovered(name, f"dns {resolver}")
        else:
            history.failed(now, name, f"dns {resolver}")
        ends = (client, question.port, resolver, question.resolver_port)
        self._emit(now, question.requirement, name, question.zone, judged, ends, question.transport)

    def _emit(  # noqa: PLR0913, PLR0917 - the parts of an outcome
        self,
        now: float,
        requirement: Requirement,
        name: str,
        zone: str | None,
        judged: Judged,
        ends: tuple[str, int | None, str, int | None],
        transport: str,
    ) -> None:
        at = max((clue.at for clue in judged.clues), default=now)
        self._found.append(
            Outcome(
                timestamp=at,
                pack=requirement.pack,
                domain=requirement.pattern,
                name=name,
                zone=zone,
                fate=judged.fate,
                confidence=judged.confidence,
                stage=judged.stage,
                src_ip=ends[0],
                src_port=ends[1],
                dest_ip=ends[2],
                dest_port=ends[3],
                transport=transport,
                evidence=judged.clues,
            )
        )


def _at(name: str, address: bytes) -> str:
    """A name together with an address, as a key."""
    return f"{name} {address.hex()}"


def _packed(text: str) -> bytes:
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return b""


def _text(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
