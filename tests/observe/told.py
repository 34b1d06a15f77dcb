"""Outcomes and observations that tests make up."""

from __future__ import annotations

from agent.model.observation import ClientHello, Dns, HttpRequest, HttpResponse, Observation, QuicHello, ResourceRecord
from agent.model.outcome import Clue, Fate, Outcome, OutcomeStage
from agent.model.requirement import PortNeed, Requirement

NEED = Requirement(
    "livechat",
    "*.livechat.com",
    (PortNeed("tcp", 443), PortNeed("tcp", 80), PortNeed("udp", 443, required=False)),
    apex=True,
    webhook_agents=("LiveChat webhook/1.0",),
)
NAME = "chat.livechat.com"
CLIENT, SERVER, RESOLVER = "192.168.7.20", "8.30.1.1", "192.168.7.1"
NOON = 1_790_000_000.0 // 900 * 900
"""The beginning of a quarter of an hour."""


def outcome(
    fate: Fate = Fate.OK,
    at: float = NOON,
    *,
    confidence: float = 0.95,
    stage: OutcomeStage = OutcomeStage.TLS,
    zone: str | None = "lan0",
    client: str = CLIENT,
    server: str = SERVER,
    port: int = 443,
    transport: str = "tcp",
    clues: tuple[Clue, ...] = (),
) -> Outcome:
    return Outcome(
        at, NEED.pack, NEED.pattern, NAME, zone, fate, confidence, stage, client, 40000, server, port, transport, clues
    )


def query(name: str, at: float = NOON, client: str = CLIENT, port: int = 53) -> Observation:
    return Observation(at, client, RESOLVER, 40000, port, "udp", _dns("query", name))


def answer(*records: ResourceRecord, at: float = NOON, chain: tuple[str, ...] = (), name: str = NAME) -> Observation:
    return Observation(at, RESOLVER, CLIENT, 53, 40000, "udp", _dns("response", name, records, chain))


def address(data: str, owner: str = NAME) -> ResourceRecord:
    return ResourceRecord(owner, "AAAA" if ":" in data else "A", 60, data)


def hello(
    name: str | None = NAME,
    at: float = NOON,
    *,
    client: str = CLIENT,
    server: str = SERVER,
    port: int = 443,
    alpn: tuple[str, ...] = ("h2",),
    ech: bool = False,
) -> Observation:
    message = ClientHello(name, alpn, "TLSv1.2", ("TLSv1.3",), (1,), (), (), (), (), ech, None, None)
    return Observation(at, client, server, 40000, port, "tcp", message)


def quic(name: str | None = NAME, at: float = NOON, *, alpn: tuple[str, ...] = ("h3",), port: int = 443) -> Observation:
    message = QuicHello("v1", "", "", 1, name, alpn, (), (), (), False, None)  # noqa: FBT003 - no ECH
    return Observation(at, CLIENT, SERVER, 40000, port, "udp", message)


def request(agent: str | None, at: float = NOON, port: int = 50000) -> Observation:
    return Observation(at, SERVER, CLIENT, port, 80, "tcp", HttpRequest("POST", "x", "/hook", agent, "HTTP/1.1", None))


def reply(status: int, at: float = NOON, port: int = 50000) -> Observation:
    return Observation(at, CLIENT, SERVER, 80, port, "tcp", HttpResponse(status, "", None, None, None))


def _dns(event: str, name: str, answers: tuple[ResourceRecord, ...] = (), chain: tuple[str, ...] = ()) -> Dns:
    rcode = None if event == "query" else "NOERROR"
    flags = (False, False, True, False, False, False)
    return Dns(event, 1, name, "A", "IN", rcode, None, *flags, answers, chain, (), None, ())
