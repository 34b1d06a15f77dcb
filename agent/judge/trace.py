"""What happens to one flow, with the rule that decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.judge.packet import UNKNOWN, family_of
from agent.judge.path import Path
from agent.judge.routing import Routing
from agent.judge.scalar import ScalarRunner, transparent_sockets
from agent.model.expression import Field
from agent.model.firewall import source_of
from agent.model.intervals import Intervals, address_text, name_text
from agent.model.record import record

if TYPE_CHECKING:
    from agent.judge.crossing import Outcome
    from agent.judge.flow import Flow
    from agent.judge.packet import Packet
    from agent.model.gateway import Gateway
    from agent.model.source import Source


@record
class Answer:
    """The verdict of one flow: ``accept``, ``drop``, ``reject`` or ``unknown``, and why."""

    verdict: str
    source: Source | None
    """The deciding rule; None where no rule decided (nothing filters, or routing stopped it)."""
    why: tuple[str, ...] = ()
    delivered: bool = False
    """Accepted for this host itself."""
    out_iface: str = ""
    dst: str = ""
    """The destination in the end, after NAT; empty where it is not known."""
    dport: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer as ``gateproof trace`` prints it."""
        out: dict[str, Any] = {"verdict": self.verdict}
        source = self.source
        out["rule"] = source.text if source else None
        out["table"] = source.table if source else None
        out["chain"] = source.chain if source else None
        out["handle"] = source.handle if source else None
        out["line"] = source.line if source else None
        out["why"] = list(self.why)
        if self.verdict == "accept":
            out["to"] = {
                "iface": None if self.delivered else self.out_iface or None,
                "dst": self.dst or None,
                "dport": self.dport,
            }
        return out


class Tracer:
    """Answers flows against one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._routing = Routing(gateway.network)
        self._path = Path(gateway, self._routing, ScalarRunner(self._routing, transparent_sockets(gateway)))
        self._gaps = tuple(str(gap) for gap in gateway.firewall.gaps)

    def answer(self, flow: Flow) -> Answer:
        """Trace one flow."""
        outcomes = self._path.walk(flow.packet(), Intervals.single(flow.dst), flow.out_iface)
        answer = _summary(outcomes)
        if self._gaps and answer.verdict == "accept":  # a firewall that could not be read may stop it
            return Answer("unknown", answer.source, (*answer.why, *self._gaps))
        return answer


def _summary(outcomes: list[Outcome]) -> Answer:
    verdicts = sorted({outcome.end.value for outcome in outcomes})
    first = outcomes[0]
    decider = next((who for outcome in outcomes if isinstance(who := outcome.load.decider, tuple)), None)
    source = source_of(*decider) if decider else None
    if len(verdicts) > 1:
        doubts = dict.fromkeys(doubt for outcome in outcomes for doubt in outcome.load.doubts)
        named = next((doubt.source for doubt in doubts if doubt.source), source)
        return Answer("unknown", named, tuple(str(doubt) for doubt in doubts))
    packet = first.load.packet
    if first.end.value != "accept":
        stopped = source if first.stage == "firewall" else None
        notes = tuple(dict.fromkeys(outcome.note for outcome in outcomes if outcome.note))
        return Answer(first.end.value, stopped, notes, dst=_destination(packet))
    same = all(
        (one.delivered, one.load.packet[Field.DADDR], one.load.packet[Field.OIFNAME])
        == (first.delivered, packet[Field.DADDR], packet[Field.OIFNAME])
        for one in outcomes
    )
    if not same:
        return Answer("accept", source)
    ports = {one.load.packet[Field.DPORT] for one in outcomes}
    dport = ports.pop() if len(ports) == 1 else UNKNOWN
    return Answer(
        "accept",
        source,
        (),
        first.delivered,
        name_text(packet[Field.OIFNAME]) if packet[Field.OIFNAME] > 0 else "",
        _destination(packet),
        dport if dport >= 0 else None,
    )


def _destination(packet: Packet) -> str:
    address = packet[Field.DADDR]
    return "" if address == UNKNOWN else address_text(address, family_of(packet))
